/* drop.c: what clients kept with an account that was closed.
 *
 * Callers: the task that cleans behind a deactivation. Threads: the engine.
 * Holds:   an index never outlives what it names: account data goes before the index of changes, keys before their backup.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "user/user_own.h"

enum { MOST_LISTENERS = 8 };

static myl_rc (*closed[MOST_LISTENERS])(myl_ctx *cx, uint64_t user);
static size_t closed_count;

void myl_user_on_closed(myl_rc (*fn)(myl_ctx *cx, uint64_t user))
{
    MYL_ASSERT(closed_count < MOST_LISTENERS);
    closed[closed_count++] = fn;
}

myl_rc myl_user_profile_drop(myl_ctx *cx, uint64_t user)
{
    myl_key key = myl_key_of_u64(user);

    return myl_store_delete(cx, MYL_TABLE_PROFILES, myl_key_str(&key));
}

/* Up to *most rows whose keys begin with the user; *most is lessened by them. */
static myl_rc drop_rows(myl_ctx *cx, myl_table_id table, uint64_t user, size_t *most)
{
    myl_key prefix = myl_key_of_u64(user);
    size_t deleted;

    MYL_TRY(myl_store_delete_under(cx, table, myl_key_str(&prefix), *most, &deleted));
    *most -= deleted;
    return MYL_OK;
}

myl_rc myl_user_data_drop(myl_ctx *cx, uint64_t user, size_t most, bool *left)
{
    static const myl_table_id tables[] = {MYL_TABLE_ACCOUNT_DATA,        MYL_TABLE_FILTERS,
                                          MYL_TABLE_USER_CHANGES,        MYL_TABLE_BACKUPS,
                                          MYL_TABLE_BACKUP_KEYS,         MYL_TABLE_KEY_SIGNATURES,
                                          MYL_TABLE_CROSS_SIGNING,       MYL_TABLE_SIGNED_USERS,
                                          MYL_TABLE_DEHYDRATED,          MYL_TABLE_THREAD_CHANGES,
                                          MYL_TABLE_THREAD_SUBSCRIPTIONS};

    MYL_TRY(myl_user_signing_end(cx, user));
    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
        MYL_TRY(drop_rows(cx, tables[i], user, &most));
    *left = most == 0;
    for (size_t i = 0; i < closed_count && !*left; i++)
        MYL_TRY(closed[i](cx, user));
    return MYL_OK;
}
