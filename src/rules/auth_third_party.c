/* auth_third_party.c: the auth rules on an invite that came of a third-party invite.
 *
 * Callers: auth_member.c. Threads: any.
 * Spec:    Room versions, rule 5.4.1 (other pages: 5.3.1, 4.3.1, 4.4.1).
 * Holds:   at most THIRD_PARTY_KEYS keys are tried on SIGNATURES signatures, so that an event cannot buy
 *          seconds of work.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "rules/auth_own.h"

#include <myelin/base_limit.h>
#include <myelin/base_list.h>

#define KEY_BYTES 32

static void add_key(judgement *j, myl_list *keys, const myl_json *holder)
{
    myl_str text = myl_json_text(holder, MYL_S("public_key"));
    myl_str key;
    if (!myl_str_present(text) || keys->count >= MYL_LIMIT_THIRD_PARTY_KEYS)
        return;
    if (!myl_crypto_unbase64(j->cx, MYL_BASE64_STANDARD, text, &key) &&
        !myl_crypto_unbase64(j->cx, MYL_BASE64_URL, text, &key))
        return;
    if (key.len == KEY_BYTES)
        myl_list_push(keys, myl_str, key);
}

/* Public keys in the content of m.room.third_party_invite: `public_key`, and those of `public_keys`. */
static myl_list keys_of(judgement *j, const myl_json *content)
{
    myl_list keys = MYL_LIST(j->cx, myl_str);
    const myl_json *more = myl_json_array(content, MYL_S("public_keys"));
    add_key(j, &keys, content);
    for (size_t i = 0; more != NULL && i < more->count; i++)
        add_key(j, &keys, &more->items[i]);
    return keys;
}

static bool is_signed_by(judgement *j, const myl_json *signed_part, myl_str name, myl_str key_id,
                         const myl_list *keys)
{
    if (!myl_str_starts(key_id, MYL_S("ed25519:")))
        return false;
    for (size_t i = 0; i < keys->count; i++) {
        if (myl_json_verify(j->cx, signed_part, name, key_id, myl_list_get(keys, myl_str, i)))
            return true;
    }
    return false;
}

/* Does any signature match any key? */
static bool has_signature(judgement *j, const myl_json *signed_part, const myl_list *keys)
{
    const myl_json *signatures = myl_json_object(signed_part, MYL_S("signatures"));
    size_t looked_at = 0;
    for (size_t i = 0; signatures != NULL && i < signatures->count; i++) {
        const myl_json *of_one = &signatures->items[i];
        if (of_one->kind != MYL_JSON_OBJECT)
            continue;
        for (size_t k = 0; k < of_one->count; k++) {
            if (++looked_at > MYL_LIMIT_SIGNATURES)
                return false;
            if (is_signed_by(j, signed_part, of_one->key, of_one->items[k].key, keys))
                return true;
        }
    }
    return false;
}

static bool is_signed(judgement *j, const myl_json *signed_part, const myl_event *invite)
{
    if (invite == NULL)
        return false;
    myl_mark mark = myl_ctx_mark(j->cx);
    myl_list keys = keys_of(j, invite->content);
    bool good = has_signature(j, signed_part, &keys);
    myl_ctx_release(j->cx, mark);
    return good;
}

static const myl_event *invite_of(const judgement *j, myl_str token)
{
    return myl_str_present(token) ? myl_judged_state(j, "m.room.third_party_invite", token) : NULL;
}

bool myl_judge_third_party_invite(judgement *j)
{
    const myl_event *event = j->event;
    const myl_json *signed_part =
        MYL_JSON_AT(MYL_JSON_AT(event->content, "third_party_invite"), "signed");
    myl_str mxid = myl_json_text(signed_part, MYL_S("mxid"));
    const myl_event *invite = invite_of(j, myl_json_text(signed_part, MYL_S("token")));
    bool is_banned = myl_str_equal(myl_judged_membership(j, event->state_key), MYL_S("ban"));
    return myl_rule_refuse(j, RULE_THIRD_BANNED, is_banned) ||
           myl_rule_refuse(j, RULE_THIRD_SIGNED, signed_part == NULL) ||
           myl_rule_refuse(j, RULE_THIRD_FIELDS,
                           MYL_JSON_AT(signed_part, "mxid") == NULL ||
                               MYL_JSON_AT(signed_part, "token") == NULL) ||
           myl_rule_refuse(j, RULE_THIRD_MXID,
                           !myl_str_present(mxid) || !myl_str_equal(mxid, event->state_key)) ||
           myl_rule_refuse(j, RULE_THIRD_TOKEN, invite == NULL) ||
           myl_rule_refuse(j, RULE_THIRD_SENDER,
                           invite != NULL && !myl_str_equal(invite->sender, event->sender)) ||
           myl_rule_allow(j, RULE_THIRD_SIGNATURE, is_signed(j, signed_part, invite)) ||
           myl_rule_refuse(j, RULE_THIRD_OTHERWISE, true);
}
