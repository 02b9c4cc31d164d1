/* cmd_daemon.h: the server as a process: start and stop order, signals; small commands around it.
 *
 * Threads: the main thread.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MYELIN_CMD_DAEMON_H
#define MYELIN_CMD_DAEMON_H

/* Serves until SIGTERM or SIGINT; SIGHUP reads certificates again. 0, or 1 with the reason on
 * standard error. */
int myl_cmd_serve(const char *config_path);
/* Reads the file and says whether it is good. */
int myl_cmd_check_config(const char *config_path);
int myl_cmd_sample_config(void);
/* argv: "generate-key", FILE. */
int myl_cmd_generate_key(int argc, char **argv);

#endif
