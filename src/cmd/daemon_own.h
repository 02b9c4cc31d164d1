/* daemon_own.h: what the files of the daemon share.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MYELIN_CMD_DAEMON_OWN_H
#define MYELIN_CMD_DAEMON_OWN_H

/* The control socket of test builds, at the path in MYELIN_CONTROL; without it, or in other builds,
 * nothing happens. Each line is a command, each gets one line back: docs/testing.md. */
void myl_control_start(void);

#endif
