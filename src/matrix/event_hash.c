/* event_hash.c: content hash, reference hash and id of an event.
 *
 * Why:     the content hash tells whether an event is whole, the reference hash names it (versions 3+).
 * Callers: decode, room/, fed/, `myelin rules`.
 * Threads: any.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "matrix/matrix_own.h"

#include <myelin/matrix_id.h>

myl_json_form myl_matrix_form(const myl_room_version *version)
{
    return version->strict_json ? MYL_JSON_STRICT : MYL_JSON_LOOSE;
}

static myl_rc hash_canonical(myl_ctx *cx, const myl_room_version *version, const myl_json *json,
                             myl_sha256 *out)
{
    myl_mark mark = myl_ctx_mark(cx);
    myl_text text = myl_text_start(cx, 1024);
    MYL_TRY(myl_json_canonical(cx, json, myl_matrix_form(version), &text));
    *out = myl_crypto_sha256(myl_text_str(&text));
    myl_ctx_release(cx, mark);
    return MYL_OK;
}

myl_rc myl_event_content_hash(myl_ctx *cx, const myl_room_version *version, const myl_json *json,
                              myl_sha256 *out)
{
    static const myl_str names[] = {MYL_S_INIT("hashes"), MYL_S_INIT("signatures"),
                                    MYL_S_INIT("unsigned")};
    return hash_canonical(cx, version, myl_matrix_drop(cx, json, names, 3), out);
}

myl_rc myl_event_reference_hash(myl_ctx *cx, const myl_room_version *version, const myl_json *json,
                                myl_sha256 *out)
{
    static const myl_str names[] = {MYL_S_INIT("signatures")};
    const myl_json *redacted = myl_event_redact(cx, version, json);
    return hash_canonical(cx, version, myl_matrix_drop(cx, redacted, names, 1), out);
}

myl_str myl_matrix_hash_id(myl_ctx *cx, const myl_room_version *version, const myl_sha256 *hash)
{
    myl_base64_form form =
        version->event_id == MYL_EVENT_ID_HASH_STANDARD ? MYL_BASE64_STANDARD : MYL_BASE64_URL;
    myl_str digits =
        myl_crypto_base64(cx, form, (myl_str){(const char *)hash->bytes, sizeof hash->bytes});
    return myl_strf(cx, "$%.*s", MYL_FMT(digits));
}

myl_str myl_matrix_room_of(myl_ctx *cx, myl_str create_id)
{
    return myl_strf(cx, "!%.*s", (int)create_id.len - 1, create_id.at + 1);
}

/* Versions 1 and 2: the field, which needs a domain. */
static myl_rc given_id(myl_ctx *cx, const myl_json *json, myl_str *out)
{
    myl_str id = myl_json_text(json, MYL_S("event_id"));
    if (!myl_id_is_event(id) || !myl_str_present(myl_id_domain(id)))
        return myl_fail(cx, MYL_BAD_EVENT, "event_id: expected an event id with a domain");
    *out = id;
    return MYL_OK;
}

myl_rc myl_event_id(myl_ctx *cx, const myl_room_version *version, const myl_json *json,
                    myl_str *out)
{
    if (version->event_id == MYL_EVENT_ID_GIVEN)
        return given_id(cx, json, out);
    myl_sha256 hash;
    MYL_TRY(myl_event_reference_hash(cx, version, json, &hash));
    *out = myl_matrix_hash_id(cx, version, &hash);
    return MYL_OK;
}

bool myl_event_hash_matches(myl_ctx *cx, const myl_room_version *version, const myl_json *json)
{
    myl_str text = myl_json_text(myl_json_object(json, MYL_S("hashes")), MYL_S("sha256"));
    myl_str claimed;
    myl_sha256 hash;
    if (!myl_str_present(text) || !myl_crypto_unbase64(cx, MYL_BASE64_STANDARD, text, &claimed))
        return false;
    if (myl_event_content_hash(cx, version, json, &hash) != MYL_OK) {
        myl_forgive(cx);
        return false;
    }
    return myl_str_equal(claimed, (myl_str){(const char *)hash.bytes, sizeof hash.bytes});
}
