/* ignore.c: the users whom a reader ignores.
 *
 * Spec:    Client-Server API, Ignoring Users.
 * Callers: every read path that shows events.
 * Threads: the transaction's.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "user/user_own.h"

#include <stdlib.h>

#include <myelin/user_ignore.h>

static int compare_users(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;

    return *x < *y ? -1 : *x > *y;
}

static const myl_json *ignored_of(myl_ctx *cx, myl_str json)
{
    const myl_json *list;

    if (myl_json_parse(cx, json, &list) == MYL_OK)
        return myl_json_object(list, MYL_S("ignored_users"));
    myl_forgive(cx);
    return NULL;
}

myl_rc myl_user_ignored(myl_ctx *cx, uint64_t user, myl_ignored *out)
{
    myl_list users = MYL_LIST(cx, uint64_t);
    const myl_json *ignored;
    myl_str json = MYL_ABSENT;

    *out = (myl_ignored){0};
    if (user != 0)
        MYL_TRY(myl_user_data_get(cx, user, 0, MYL_S("m.ignored_user_list"), &json));
    if (!myl_str_present(json))
        return MYL_OK;
    ignored = ignored_of(cx, json);
    for (uint32_t i = 0; ignored != NULL && i < ignored->count; i++) {
        uint64_t number;

        MYL_TRY(myl_store_interned(cx, MYL_INTERN_NAME, ignored->items[i].key, &number));
        if (number != 0 && number != user)
            myl_list_push(&users, uint64_t, number);
    }
    myl_list_sort(&users, compare_users);
    out->users = users.at;
    out->count = users.count;
    return MYL_OK;
}

bool myl_ignores(const myl_ignored *set, uint64_t user)
{
    return set != NULL && set->count > 0 &&
           bsearch(&user, set->users, set->count, sizeof(user), compare_users) != NULL;
}
