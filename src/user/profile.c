/* profile.c: the public fields of local users.
 *
 * Spec:    Client-Server API, Profiles.
 * Threads: the transaction's.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "user/user_own.h"

#include <myelin/user_directory.h>

static myl_rc get_fields(myl_ctx *cx, uint64_t user, const myl_json **out)
{
    myl_key key = myl_key_of_u64(user);
    myl_str row;

    *out = myl_json_empty_object();
    MYL_TRY(myl_store_get(cx, MYL_TABLE_PROFILES, myl_key_str(&key), &row));
    if (!myl_str_present(row))
        return MYL_OK;
    if (myl_json_parse(cx, myl_keep(cx, row), out) != MYL_OK)
        return myl_fail(cx, MYL_CORRUPT, "PROFILES: bad row");
    return MYL_OK;
}

myl_rc myl_user_profile_fields(myl_ctx *cx, myl_str user_id, const myl_json **out)
{
    uint64_t user;
    bool exists;

    *out = NULL;
    MYL_TRY(myl_user_exists(cx, user_id, &exists));
    if (!exists)
        return MYL_OK;
    MYL_TRY(myl_store_interned(cx, MYL_INTERN_NAME, user_id, &user));
    return get_fields(cx, user, out);
}

myl_rc myl_user_profile(myl_ctx *cx, myl_str user_id, myl_profile *out)
{
    const myl_json *fields;

    memset(out, 0, sizeof(*out));
    MYL_TRY(myl_user_profile_fields(cx, user_id, &fields));
    out->exists = fields != NULL;
    if (!out->exists)
        return MYL_OK;
    out->display_name = myl_json_text(fields, MYL_S("displayname"));
    out->avatar_url = myl_json_text(fields, MYL_S("avatar_url"));
    return MYL_OK;
}

myl_rc myl_user_profile_put(myl_ctx *cx, uint64_t user, myl_str field, const myl_json *value)
{
    myl_key key = myl_key_of_u64(user);
    myl_text row = MYL_TEXT(cx);
    const myl_json *fields;

    if (field.len > MYL_LIMIT_ID_BYTES)
        return myl_fail(cx, MYL_KEY_TOO_LARGE, "keyName: longer than %d bytes", MYL_LIMIT_ID_BYTES);
    MYL_TRY(get_fields(cx, user, &fields));
    fields = value != NULL ? myl_json_with(cx, fields, field, value)
                           : myl_json_without(cx, fields, field);
    myl_json_write(&row, fields);
    if (value != NULL && row.len > MYL_LIMIT_PROFILE_WHOLE)
        return myl_fail(cx, MYL_PROFILE_TOO_LARGE, "%.*s: the profile would exceed %d bytes",
                        MYL_FMT(field), MYL_LIMIT_PROFILE_WHOLE);
    MYL_TRY(myl_store_put(cx, MYL_TABLE_PROFILES, myl_key_str(&key), myl_text_str(&row)));
    return myl_user_directory_follow(cx, user);
}

myl_rc myl_user_profile_set(myl_ctx *cx, uint64_t user, myl_str field, myl_str value)
{
    return myl_user_profile_put(cx, user, field,
                                myl_str_present(value) ? myl_json_of_str(cx, value) : NULL);
}
