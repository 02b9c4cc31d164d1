/* cmd_explain.h: `myelin explain-state`: why each event of a resolved state won.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MYELIN_CMD_EXPLAIN_H
#define MYELIN_CMD_EXPLAIN_H

/* Reads lines of `myelin rules` (op "resolve") from standard input; prints the forks, the ordered
 * steps and the rule that refused each loser, as text, or with --json as one JSON object a line.
 * Other lines: an error for that line. argv[0] is the command's name. Exit status: 0 all lines
 * explained; 1 some line was bad; 2 wrong use. */
int myl_cmd_explain_state(int argc, char **argv);

#endif
