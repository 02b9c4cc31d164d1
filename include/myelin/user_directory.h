/* user_directory.h: users found by words of their names.
 *
 * Spec: Client-Server API, User Directory. Local users stand in it under their profile's name; users of other servers are
 * put in by room/. Who may be shown to whom is room/'s question (room_people.h). Threads: as the transaction.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MYELIN_USER_DIRECTORY_H
#define MYELIN_USER_DIRECTORY_H

#include <myelin/user_data.h>

/* Puts a user in, or in anew; `name` may be absent. Inside a change. */
myl_rc myl_user_directory_put(myl_ctx *cx, uint64_t user, myl_str user_id, myl_str name);
/* The same for a local user, by its profile. */
myl_rc myl_user_directory_follow(myl_ctx *cx, uint64_t user);
myl_rc myl_user_directory_drop(myl_ctx *cx, uint64_t user);

/* The words under which a user is found: those of the name and of the user id's local part. */
typedef struct {
    const myl_str *words;
    size_t count;
} myl_name_words;
myl_name_words myl_user_directory_words(myl_ctx *cx, myl_str user_id, myl_str name);
/* Does each word of `term` begin one of them? */
bool myl_user_directory_matches(const myl_name_words *term, const myl_name_words *name);
/* Users with a word that begins with `word` (folded), at most `most`, without order. */
myl_rc myl_user_directory_find(myl_ctx *cx, myl_str word, size_t most, const uint64_t **users,
                               size_t *count);

#endif
