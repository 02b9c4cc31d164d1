/* auth.c: requests of other servers: whose signature holds.
 *
 * Spec:    Server-Server API, Request Authentication.
 * Callers: http/, before a handler of a federation endpoint runs.
 * Threads: read workers with what is known; the lane KEYS when keys must be fetched.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "fed/fed_own.h"

static void (*on_heard)(myl_str server_name);

void myl_fed_on_heard(void (*fn)(myl_str server_name))
{
    on_heard = fn;
}

static myl_rc refuse(myl_ctx *cx, const char *words)
{
    myl_metric_add(MYL_METRIC_FED_REFUSED, 1);
    return myl_fail(cx, MYL_UNAUTHORIZED, "%s", words);
}

static bool verify(myl_ctx *cx, const fed_signed_parts *parts, const myl_fed_credentials *said,
                   const myl_fed_key *key)
{
    myl_str signature;

    if (!myl_crypto_unbase64(cx, MYL_BASE64_STANDARD, said->signature, &signature) &&
        !myl_crypto_unbase64(cx, MYL_BASE64_URL, said->signature, &signature))
        return false;
    return myl_crypto_verify((myl_str){(const char *)key->bytes, sizeof(key->bytes)},
                             myl_fed_signed_text(cx, parts), signature);
}

/* Everything about a header but its signature. */
static myl_rc check_names(myl_ctx *cx, const myl_fed_credentials *said)
{
    myl_str ours = myl_fed_server()->config->server_name;

    if (!myl_id_is_server(said->origin))
        return myl_fail(cx, MYL_INVALID_PARAM, "Authorization: origin is no server name");
    if (!myl_str_starts(said->key, MYL_S("ed25519:")))
        return refuse(cx, "Authorization: key is malformed");
    if (myl_str_present(said->destination) && !myl_str_equal(said->destination, ours))
        return refuse(cx, "Authorization: this is not the destination");
    if (myl_str_equal(said->origin, ours))
        return refuse(cx, "Authorization: the origin is this server");
    if (!myl_fed_is_allowed(said->origin))
        return myl_fail(cx, MYL_FORBIDDEN, "this server does not speak with the origin");
    return MYL_OK;
}

static myl_rc check_one(myl_ctx *cx, const myl_fed_signed *request, const myl_fed_credentials *said)
{
    fed_signed_parts parts = {.destination = said->destination,
                              .method = request->method,
                              .origin = said->origin,
                              .uri = request->target};
    myl_fed_key key;
    bool found;

    MYL_TRY(check_names(cx, said));
    MYL_TRY(myl_fed_key_known(cx, said->origin, said->key, &key, &found));
    if (!found || !myl_fed_key_fits(&key, NULL, myl_now_ms()))
        return MYL_MISSING;
    if (request->body != NULL) {
        myl_text content = MYL_TEXT(cx);
        MYL_TRY(myl_json_canonical(cx, request->body, MYL_JSON_LOOSE, &content));
        parts.content = myl_text_str(&content);
    }
    if (!verify(cx, &parts, said, &key))
        return refuse(cx, "Authorization: the signature does not hold");
    return MYL_OK;
}

/* Several headers, one for each key of the origin: the first that holds counts. */
static myl_rc check_all(myl_ctx *cx, const myl_fed_signed *request, myl_str *origin,
                        fed_key_want *want)
{
    myl_str rest = request->header;
    myl_rc rc = MYL_OK;

    if (rest.len == 0)
        return refuse(cx, "a signed Authorization header is needed");
    while (rest.len > 0) {
        size_t end = myl_str_find(rest, '\n', 0);
        myl_fed_credentials said;
        bool reads = myl_fed_header_read(cx, myl_str_slice(rest, 0, end), &said);
        rest = end == SIZE_MAX ? MYL_S("") : myl_str_slice(rest, end + 1, SIZE_MAX);
        myl_forgive(cx);
        rc = reads ? check_one(cx, request, &said)
                   : refuse(cx, "Authorization: expected X-Matrix with origin, key and sig");
        if (rc == MYL_OK || rc == MYL_MISSING) {
            *origin = said.origin;
            *want = (fed_key_want){.server = said.origin, .key_id = said.key, .ts = myl_now_ms()};
            break;
        }
    }
    if (rc == MYL_OK && on_heard != NULL)
        on_heard(*origin);
    return rc;
}

myl_rc myl_fed_auth_known(myl_ctx *cx, const myl_fed_signed *request, myl_str *origin)
{
    fed_key_want want;

    return check_all(cx, request, origin, &want);
}

myl_rc myl_fed_auth_fetched(myl_ctx *cx, const myl_fed_signed *request, myl_str *origin)
{
    fed_key_want want;
    myl_rc rc = check_all(cx, request, origin, &want);

    if (rc != MYL_MISSING)
        return rc;
    MYL_TRY(myl_fed_keys_get(cx, &want, 1));
    rc = check_all(cx, request, origin, &want);
    if (rc == MYL_MISSING)
        return refuse(cx, "Authorization: the origin has no such key that is good now");
    return rc;
}
