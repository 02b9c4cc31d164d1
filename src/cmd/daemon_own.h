/* daemon_own.h: what the files of the daemon share.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MYELIN_CMD_DAEMON_OWN_H
#define MYELIN_CMD_DAEMON_OWN_H

/* The control socket of test builds, at the path in MYELIN_CONTROL; without it, or in other builds,
 * nothing happens. Each line is a command, each gets one line back: docs/testing.md. */
void myl_control_start(void);
/* Ports of other servers in such builds, from MYELIN_PORT_MAP: "443=20443,8448=20448"; NULL: as they are. */
const char *myl_control_port_map(void);

#endif
