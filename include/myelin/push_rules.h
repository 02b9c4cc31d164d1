/* push_rules.h: push rules of a user.
 *
 * Spec: Client-Server API, Push Notifications, Push Rules. Threads: as the transaction.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MYELIN_PUSH_RULES_H
#define MYELIN_PUSH_RULES_H

#include <myelin/json_writer.h>

/* The predefined rules as they stand for this user: the object {"global":{…}} as the value of `key` (NULL: at the top). */
void myl_push_write_defaults(myl_ctx *cx, myl_writer *w, const char *key, myl_str user_id);
/* The ruleset inside `global` alone. */
void myl_push_write_global(myl_ctx *cx, myl_writer *w, const char *key, myl_str user_id);

#endif
