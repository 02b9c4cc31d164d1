/* signing.c: signatures over JSON objects and over the redacted form of events.
 *
 * Why:     a signature covers the canonical bytes without `signatures` and `unsigned`; of events the redacted
 *          form, so that it holds after a redaction.
 * Callers: room/, fed/, the rule on third-party invites.
 * Threads: any.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "matrix/matrix_own.h"

#include <myelin/base_list.h>
#include <myelin/matrix_id.h>

static const myl_str uncovered[] = {MYL_S_INIT("signatures"), MYL_S_INIT("unsigned")};

/* The signature bytes of `name` under `key_id`; absent when there are none to decode. Some servers write the
 * URL-safe alphabet. */
static myl_str signature_of(myl_ctx *cx, const myl_json *object, myl_str name, myl_str key_id)
{
    const myl_json *signatures = myl_json_object(object, MYL_S("signatures"));
    myl_str text = myl_json_text(myl_json_object(signatures, name), key_id);
    myl_str bytes;
    if (!myl_str_present(text) || (!myl_crypto_unbase64(cx, MYL_BASE64_STANDARD, text, &bytes) &&
                                   !myl_crypto_unbase64(cx, MYL_BASE64_URL, text, &bytes)))
        return MYL_ABSENT;
    return bytes;
}

/* Is `bytes` a signature over the covered part of `object`? */
static bool verify_object(myl_ctx *cx, const myl_json *object, myl_json_form form, myl_str bytes,
                          myl_str public_key)
{
    if (!myl_str_present(bytes))
        return false;
    myl_text text = myl_text_start(cx, 1024);
    if (myl_json_canonical(cx, myl_matrix_drop(cx, object, uncovered, 2), form, &text) != MYL_OK) {
        myl_forgive(cx);
        return false;
    }
    return myl_crypto_verify(public_key, myl_text_str(&text), bytes);
}

bool myl_event_verify(myl_ctx *cx, const myl_event *event, myl_str server, myl_str key_id,
                      myl_str public_key)
{
    myl_mark mark = myl_ctx_mark(cx);
    bool good = verify_object(cx, myl_event_redact(cx, event->version, event->json),
                              myl_matrix_form(event->version),
                              signature_of(cx, event->json, server, key_id), public_key);
    myl_ctx_release(cx, mark);
    return good;
}

bool myl_json_verify(myl_ctx *cx, const myl_json *object, myl_str name, myl_str key_id,
                     myl_str public_key)
{
    myl_mark mark = myl_ctx_mark(cx);
    bool good = myl_json_is(object, MYL_JSON_OBJECT) &&
                verify_object(cx, object, MYL_JSON_LOOSE, signature_of(cx, object, name, key_id),
                              public_key);
    myl_ctx_release(cx, mark);
    return good;
}

myl_rc myl_json_sign(myl_ctx *cx, const myl_json *object, const myl_signing_key *key,
                     myl_str server_name, const myl_json **out)
{
    myl_text text = myl_text_start(cx, 1024);
    MYL_TRY(
        myl_json_canonical(cx, myl_matrix_drop(cx, object, uncovered, 2), MYL_JSON_LOOSE, &text));
    myl_signature signature = myl_crypto_sign(key, myl_text_str(&text));
    myl_str base64 =
        myl_crypto_base64(cx, MYL_BASE64_STANDARD,
                          (myl_str){(const char *)signature.bytes, sizeof signature.bytes});
    const myl_json *all = myl_json_object(object, MYL_S("signatures"));
    const myl_json *ours = myl_json_object(all, server_name);
    ours = myl_json_with(cx, ours, myl_signing_key_id(key), myl_json_of_str(cx, base64));
    all = myl_json_with(cx, all, server_name, ours);
    *out = myl_json_with(cx, object, MYL_S("signatures"), all);
    return MYL_OK;
}

/* An invite that came of a third-party invite may be sent by any server. */
static bool is_third_party_invite(const myl_event *event)
{
    return myl_str_equal(event->type, MYL_S("m.room.member")) &&
           myl_str_equal(myl_event_membership(event), MYL_S("invite")) &&
           MYL_JSON_AT(event->content, "third_party_invite") != NULL;
}

static void add_server(myl_list *list, myl_str user_or_event_id)
{
    myl_str server = myl_id_domain(user_or_event_id);
    if (!myl_str_present(server))
        return;
    for (size_t i = 0; i < list->count; i++) {
        if (myl_str_equal(myl_list_get(list, myl_str, i), server))
            return;
    }
    myl_list_push(list, myl_str, server);
}

/* Auth rule 5.2.1 and its like. */
static myl_rc add_authorising_server(myl_ctx *cx, const myl_event *event, myl_list *list)
{
    const myl_json *user = MYL_JSON_AT(event->content, "join_authorised_via_users_server");
    if (!event->version->restricted || user == NULL ||
        !myl_str_equal(event->type, MYL_S("m.room.member")))
        return MYL_OK;
    if (user->kind != MYL_JSON_STRING || !myl_id_is_user(user->text))
        return myl_fail(
            cx, MYL_BAD_SIGNATURE,
            "join_authorised_via_users_server: no user id, so no server can have signed");
    add_server(list, user->text);
    return MYL_OK;
}

myl_rc myl_event_signers(myl_ctx *cx, const myl_event *event, const myl_str **servers,
                         size_t *count)
{
    myl_list list = MYL_LIST(cx, myl_str);
    if (!is_third_party_invite(event))
        add_server(&list, event->sender);
    if (event->version->event_id == MYL_EVENT_ID_GIVEN)
        add_server(&list, event->event_id);
    MYL_TRY(add_authorising_server(cx, event, &list));
    *servers = list.at;
    *count = list.count;
    return MYL_OK;
}
