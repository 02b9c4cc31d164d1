/* cmd_rules.h: `myelin rules`: the pure rules as a command, JSON lines in, JSON lines out.
 *
 * Every line is an object with `op`; every line gets one line back, in order, a bad one {"error": "…"}:
 *   event_id   room_version, event                              -> event_id, content_hash, reference_hash
 *   redact     room_version, event                              -> event
 *   canonical  json (a text)                                    -> canonical
 *   auth       room_version, event, auth_events, [rejected]     -> allowed, rule, reason
 *   resolve    room_version, events, state_sets, [rejected]     -> state
 * auth: the events given are the state (of two for one key the later), also those that the event does not name;
 * an id that it names must be among them. Server signatures count as good. No store, no socket.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MYELIN_CMD_RULES_H
#define MYELIN_CMD_RULES_H

#include <myelin/base_ctx.h>

/* Standard input to standard output. argv[0] is the command's name. In builds that carry mutations (rules_mutate.h)
 * --list-mutations and --mutate NAME. Exit status: 0 at the end of input, 1 when reading or writing
 * failed, 2 wrong use. */
int myl_cmd_rules(int argc, char **argv);

/* The answer to one line, without the line's end; lives in the job. Never fails. */
myl_str myl_rules_answer(myl_ctx *cx, myl_str line);

#endif
