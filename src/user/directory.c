/* directory.c: the index of users by words of their names.
 *
 * Threads: the transaction's.
 * Holds:   DIRECTORY_USERS says under which words a user stands in DIRECTORY_WORDS, so that they can be taken out again.
 *          Keys are the first WORD_BYTES bytes of a folded word: what is found is compared with the whole name.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <myelin/user_directory.h>

#include <myelin/base_words.h>
#include <myelin/matrix_id.h>

#include "user/user_own.h"

enum { WORD_BYTES = 24, WORDS = 16 };

myl_name_words myl_user_directory_words(myl_ctx *cx, myl_str user_id, myl_str name)
{
    myl_text text = MYL_TEXT(cx);
    myl_name_words out;

    myl_text_add(&text, myl_id_localpart(user_id));
    myl_text_add_byte(&text, ' ');
    myl_text_add(&text, name);
    out.count = myl_words_of(cx, myl_text_str(&text), WORDS, &out.words);
    return out;
}

static bool begins_one(myl_str word, const myl_name_words *name)
{
    for (size_t i = 0; i < name->count; i++)
        if (myl_str_starts(name->words[i], word))
            return true;
    return false;
}

bool myl_user_directory_matches(const myl_name_words *term, const myl_name_words *name)
{
    for (size_t i = 0; i < term->count; i++)
        if (!begins_one(term->words[i], name))
            return false;
    return term->count > 0;
}

/* ---- the index ---- */

myl_rc myl_user_directory_drop(myl_ctx *cx, uint64_t user)
{
    myl_key key = myl_key_of_u64(user);
    myl_str row, word;

    MYL_TRY(myl_store_get(cx, MYL_TABLE_DIRECTORY_USERS, myl_key_str(&key), &row));
    if (!myl_str_present(row))
        return MYL_OK;
    row = myl_keep(cx, row);
    while (row.len > 0) {
        if (!myl_cut_str(&row, &word))
            return myl_fail(cx, MYL_CORRUPT, "DIRECTORY_USERS: bad row");
        MYL_TRY(myl_store_remove(cx, MYL_TABLE_DIRECTORY_WORDS, word, myl_key_str(&key)));
    }
    return myl_store_delete(cx, MYL_TABLE_DIRECTORY_USERS, myl_key_str(&key));
}

myl_rc myl_user_directory_put(myl_ctx *cx, uint64_t user, myl_str user_id, myl_str name)
{
    myl_name_words words = myl_user_directory_words(cx, user_id, name);
    myl_key key = myl_key_of_u64(user);
    myl_text row = MYL_TEXT(cx);

    MYL_TRY(myl_user_directory_drop(cx, user));
    for (size_t i = 0; i < words.count; i++) {
        myl_str word = myl_str_slice(words.words[i], 0, WORD_BYTES);

        myl_row_str(&row, word);
        MYL_TRY(myl_store_add(cx, MYL_TABLE_DIRECTORY_WORDS, word, myl_key_str(&key)));
    }
    return myl_store_put(cx, MYL_TABLE_DIRECTORY_USERS, myl_key_str(&key), myl_text_str(&row));
}

myl_rc myl_user_directory_follow(myl_ctx *cx, uint64_t user)
{
    myl_profile profile;
    myl_str user_id;

    MYL_TRY(myl_store_text_of(cx, MYL_INTERN_NAME, user, &user_id));
    MYL_TRY(myl_user_profile(cx, user_id, &profile));
    return myl_user_directory_put(cx, user, user_id, profile.display_name);
}

myl_rc myl_user_directory_find(myl_ctx *cx, myl_str word, size_t most, const uint64_t **users,
                               size_t *count)
{
    myl_list list = MYL_LIST(cx, uint64_t);
    myl_str key, value;
    myl_scan *scan;
    uint64_t user;

    MYL_TRY(myl_scan_start(cx, MYL_TABLE_DIRECTORY_WORDS, myl_str_slice(word, 0, WORD_BYTES),
                           MYL_ABSENT, MYL_FORWARD, &scan));
    while (list.count < most) {
        MYL_TRY(myl_scan_next(scan, &key, &value));
        if (!myl_str_present(key))
            break;
        if (!myl_cut_u64(&value, &user))
            return myl_fail(cx, MYL_CORRUPT, "DIRECTORY_WORDS: bad row");
        myl_list_push(&list, uint64_t, user);
    }
    myl_scan_end(scan);
    *users = list.at;
    *count = list.count;
    return MYL_OK;
}
