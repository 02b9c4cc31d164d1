/* cmd_offline.h: commands that look into the data of a stopped server, named by its configuration.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MYELIN_CMD_OFFLINE_H
#define MYELIN_CMD_OFFLINE_H

/* myelin check --config FILE, myelin inspect --config FILE …: takes data_dir and the signing key from the file; the rest
 * as in cmd_check.h (--data DIR in place of --config works too; our signatures are then not verified). */
int myl_cmd_check_data(int argc, char **argv);
int myl_cmd_inspect_data(int argc, char **argv);
int myl_cmd_compact_data(int argc, char **argv);
int myl_cmd_restore_data(int argc, char **argv);

#endif
