/* user_ignore.h: whom a reader ignores: their account data m.ignored_user_list as a set, loaded once a request.
 *
 * Spec: Client-Server API, Ignoring Users. State events of ignored users are still shown; asking is the caller's part.
 * Inside cx->txn. Threads: as the transaction. Memory: the set lives in the job.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MYELIN_USER_IGNORE_H
#define MYELIN_USER_IGNORE_H

#include <myelin/user_data.h>

typedef struct {
    const uint64_t
        *users; /* interned names, ascending; those that were never seen here are left out */
    size_t count;
} myl_ignored;

/* The set of this user (0: nobody, an empty set). Nobody ignores themselves. A list that is malformed is empty. */
myl_rc myl_user_ignored(myl_ctx *cx, uint64_t user, myl_ignored *out);
/* `set` NULL: nobody is ignored. */
bool myl_ignores(const myl_ignored *set, uint64_t user);

#endif
