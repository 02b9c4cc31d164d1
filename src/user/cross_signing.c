/* cross_signing.c: the three cross-signing keys of a user.
 *
 * Spec:    Client-Server API, Cross-signing; MSC3967.
 * Threads: the transaction's.
 * Holds:   the self-signing and user-signing keys that are stored were signed by the stored master key.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "user/user_own.h"

#include <myelin/user_cross_signing.h>

enum { PUBLIC_KEY_BYTES = 32 };

static const struct {
    const char *field;
    const char *usage;
} kinds[] = {
    [MYL_KEY_MASTER] = {"master_key", "master"},
    [MYL_KEY_SELF_SIGNING] = {"self_signing_key", "self_signing"},
    [MYL_KEY_USER_SIGNING] = {"user_signing_key", "user_signing"},
};

static const myl_json *key_of(const myl_cross_keys *keys, myl_cross_key kind)
{
    return kind == MYL_KEY_MASTER         ? keys->master
           : kind == MYL_KEY_SELF_SIGNING ? keys->self_signing
                                          : keys->user_signing;
}

/* The public part of a cross-signing key: the value of its only member of `keys`; absent when it has no such form. */
myl_str myl_user_public_part(const myl_json *key)
{
    const myl_json *keys = myl_json_object(key, MYL_S("keys"));
    myl_str prefix = MYL_S("ed25519:"), name;

    if (keys == NULL || keys->count != 1 || !myl_json_is(&keys->items[0], MYL_JSON_STRING))
        return MYL_ABSENT;
    name = keys->items[0].key;
    if (!myl_str_starts(name, prefix) ||
        !myl_str_equal(myl_str_slice(name, prefix.len, SIZE_MAX), keys->items[0].text))
        return MYL_ABSENT;
    return keys->items[0].text;
}

static bool decode_public(myl_ctx *cx, myl_str text, myl_str *out)
{
    return myl_str_present(text) && myl_crypto_unbase64(cx, MYL_BASE64_STANDARD, text, out) &&
           out->len == PUBLIC_KEY_BYTES;
}

/* ---- reading ---- */

myl_rc myl_user_cross_key(myl_ctx *cx, uint64_t user, myl_cross_key kind, const myl_json **out)
{
    myl_key key = myl_key_of_u64(user);
    myl_str row;

    *out = NULL;
    myl_key_u8(&key, (uint8_t)kind);
    MYL_TRY(myl_store_get(cx, MYL_TABLE_CROSS_SIGNING, myl_key_str(&key), &row));
    return myl_str_present(row) ? myl_json_parse(cx, myl_keep(cx, row), out) : MYL_OK;
}

myl_rc myl_user_cross_key_shown(myl_ctx *cx, uint64_t user, myl_cross_key kind, uint64_t reader,
                                const myl_json **out)
{
    MYL_TRY(myl_user_cross_key(cx, user, kind, out));
    if (*out == NULL)
        return MYL_OK;
    return myl_user_with_signatures(
        cx, &(myl_signed_key){.user = user, .key_id = myl_user_public_part(*out), .json = *out},
        reader, out);
}

myl_rc myl_user_write_cross_key(myl_ctx *cx, myl_writer *w, myl_str user_id, myl_cross_key kind,
                                uint64_t reader)
{
    myl_text json = MYL_TEXT(cx);
    const myl_json *key;
    uint64_t user;

    MYL_TRY(myl_store_interned(cx, MYL_INTERN_NAME, user_id, &user));
    if (user == 0)
        return MYL_OK;
    MYL_TRY(myl_user_cross_key_shown(cx, user, kind, reader, &key));
    if (key == NULL)
        return MYL_OK;
    myl_json_write(&json, key);
    myl_write_member(w, user_id, myl_text_str(&json));
    return MYL_OK;
}

myl_rc myl_user_cross_key_named(myl_ctx *cx, uint64_t user, myl_str public_key, bool *out)
{
    const myl_json *key;

    *out = false;
    for (myl_cross_key kind = MYL_KEY_MASTER; kind <= MYL_KEY_USER_SIGNING && !*out; kind++) {
        MYL_TRY(myl_user_cross_key(cx, user, kind, &key));
        *out = key != NULL && myl_str_equal(myl_user_public_part(key), public_key);
    }
    return MYL_OK;
}

/* ---- checking ---- */

static const myl_json *bare(myl_ctx *cx, const myl_json *key)
{
    key = myl_json_without(cx, key, MYL_S("signatures"));
    return myl_json_without(cx, key, MYL_S("unsigned"));
}

myl_rc myl_user_cross_keys_fresh(myl_ctx *cx, uint64_t user, const myl_cross_keys *keys,
                                 bool *fresh)
{
    const myl_json *stored;

    *fresh = true;
    MYL_TRY(myl_user_cross_key(cx, user, MYL_KEY_MASTER, &stored));
    if (stored == NULL)
        return MYL_OK;
    for (myl_cross_key kind = MYL_KEY_MASTER; kind <= MYL_KEY_USER_SIGNING; kind++) {
        const myl_json *given = key_of(keys, kind);

        if (given == NULL)
            continue;
        MYL_TRY(myl_user_cross_key(cx, user, kind, &stored));
        *fresh = *fresh && stored != NULL && myl_json_equal(bare(cx, given), bare(cx, stored));
    }
    return MYL_OK;
}

static bool has_usage(const myl_json *key, const char *usage)
{
    const myl_json *list = myl_json_array(key, MYL_S("usage"));

    for (uint32_t i = 0; list != NULL && i < list->count; i++)
        if (myl_json_is(&list->items[i], MYL_JSON_STRING) &&
            myl_str_equal(list->items[i].text, myl_str_of(usage)))
            return true;
    return false;
}

/* Is the form right, and whose is it? */
static myl_rc check_form(myl_ctx *cx, const myl_caller *caller, const myl_json *key,
                         myl_cross_key kind)
{
    const char *field = kinds[kind].field;
    myl_text json = MYL_TEXT(cx);
    myl_device device;
    myl_str bytes;

    if (!myl_str_equal(myl_json_text(key, MYL_S("user_id")), caller->user_id))
        return myl_fail(cx, MYL_INVALID_PARAM, "%s.user_id: not the caller's", field);
    if (!has_usage(key, kinds[kind].usage))
        return myl_fail(cx, MYL_INVALID_PARAM, "%s.usage: expected %s", field, kinds[kind].usage);
    if (!decode_public(cx, myl_user_public_part(key), &bytes))
        return myl_fail(cx, MYL_INVALID_PARAM, "%s.keys: expected one ed25519:<public key>", field);
    myl_json_write(&json, key);
    if (json.len > MYL_LIMIT_DEVICE_KEYS_BYTES)
        return myl_fail(cx, MYL_TOO_LARGE, "%s: more than %d bytes", field,
                        MYL_LIMIT_DEVICE_KEYS_BYTES);
    MYL_TRY(myl_user_device(cx, caller->user, myl_user_public_part(key), &device));
    if (device.number != 0)
        return myl_fail(cx, MYL_FORBIDDEN, "%s: its public key is the id of a device", field);
    return MYL_OK;
}

static myl_rc check_by_master(myl_ctx *cx, const myl_caller *caller, const myl_json *master,
                              const myl_json *key, myl_cross_key kind)
{
    const char *field = kinds[kind].field;
    myl_str public_part = myl_user_public_part(master), bytes;

    if (key == NULL)
        return MYL_OK;
    MYL_TRY(check_form(cx, caller, key, kind));
    if (!decode_public(cx, public_part, &bytes))
        return myl_fail(cx, MYL_CORRUPT, "CROSS_SIGNING: bad master key");
    if (!myl_json_verify(cx, key, caller->user_id,
                         myl_strf(cx, "ed25519:%.*s", MYL_FMT(public_part)), bytes))
        return myl_fail(cx, MYL_INVALID_SIGNATURE, "%s.signatures: not signed by the master key",
                        field);
    return MYL_OK;
}

myl_rc myl_user_cross_keys_check(myl_ctx *cx, const myl_caller *caller, const myl_cross_keys *keys)
{
    const myl_json *master = keys->master;

    if (master != NULL)
        MYL_TRY(check_form(cx, caller, master, MYL_KEY_MASTER));
    else
        MYL_TRY(myl_user_cross_key(cx, caller->user, MYL_KEY_MASTER, &master));
    if (master == NULL)
        return myl_fail(cx, MYL_MISSING_PARAM, "master_key: missing, and none is stored");
    MYL_TRY(check_by_master(cx, caller, master, keys->self_signing, MYL_KEY_SELF_SIGNING));
    return check_by_master(cx, caller, master, keys->user_signing, MYL_KEY_USER_SIGNING);
}

/* ---- keeping ---- */

static myl_str signing_id(myl_ctx *cx, const myl_json *key)
{
    return myl_strf(cx, "ed25519:%.*s", MYL_FMT(myl_user_public_part(key)));
}

/* What an old self-signing key has said about the user's devices. */
static myl_rc end_self_signing(myl_ctx *cx, const myl_caller *caller, const myl_json *old)
{
    const myl_device *devices;
    size_t count;

    MYL_TRY(myl_user_devices(cx, caller->user_id, &devices, &count));
    for (size_t i = 0; i < count; i++)
        MYL_TRY(myl_user_signature_drop(cx,
                                        &(myl_signed_key){.user = caller->user,
                                                          .key_id = devices[i].device_id},
                                        caller->user, signing_id(cx, old)));
    return MYL_OK;
}

/* What an old user-signing key has said about other users. */
static myl_rc end_user_signing(myl_ctx *cx, uint64_t signer, const myl_json *old)
{
    myl_list users;

    MYL_TRY(myl_user_signed_since(cx, signer, 0, &users));
    for (size_t i = 0; i < users.count; i++) {
        uint64_t user = myl_list_get(&users, uint64_t, i);
        const myl_json *master;

        MYL_TRY(myl_user_cross_key(cx, user, MYL_KEY_MASTER, &master));
        if (master == NULL)
            continue;
        MYL_TRY(myl_user_signature_drop(cx,
                                        &(myl_signed_key){.user = user,
                                                          .key_id = myl_user_public_part(master)},
                                        signer, signing_id(cx, old)));
    }
    return MYL_OK;
}

myl_rc myl_user_signing_end(myl_ctx *cx, uint64_t user)
{
    const myl_json *key;

    MYL_TRY(myl_user_cross_key(cx, user, MYL_KEY_USER_SIGNING, &key));
    return key == NULL ? MYL_OK : end_user_signing(cx, user, key);
}

static myl_rc end_old(myl_ctx *cx, const myl_caller *caller, myl_cross_key kind,
                      const myl_json *old)
{
    if (old == NULL)
        return MYL_OK;
    MYL_TRY(myl_user_signatures_drop(cx, caller->user, myl_user_public_part(old)));
    if (kind == MYL_KEY_SELF_SIGNING)
        return end_self_signing(cx, caller, old);
    return kind == MYL_KEY_USER_SIGNING ? end_user_signing(cx, caller->user, old) : MYL_OK;
}

/* NULL removes it. */
static myl_rc put_key(myl_ctx *cx, const myl_caller *caller, myl_cross_key kind,
                      const myl_json *given)
{
    myl_key key = myl_key_of_u64(caller->user);
    myl_text json = MYL_TEXT(cx);
    const myl_json *old;

    myl_key_u8(&key, (uint8_t)kind);
    MYL_TRY(myl_user_cross_key(cx, caller->user, kind, &old));
    if (given == NULL || old == NULL || !myl_json_equal(bare(cx, given), bare(cx, old)))
        MYL_TRY(end_old(cx, caller, kind, old));
    if (given == NULL)
        return myl_store_delete(cx, MYL_TABLE_CROSS_SIGNING, myl_key_str(&key));
    myl_json_write(&json, myl_json_without(cx, given, MYL_S("unsigned")));
    return myl_store_put(cx, MYL_TABLE_CROSS_SIGNING, myl_key_str(&key), myl_text_str(&json));
}

/* Another master key than the stored one: the keys that the old one signed go, unless they come anew. */
static myl_rc is_new_master(myl_ctx *cx, const myl_caller *caller, const myl_json *master,
                            bool *out)
{
    const myl_json *stored;

    MYL_TRY(myl_user_cross_key(cx, caller->user, MYL_KEY_MASTER, &stored));
    *out = master != NULL && stored != NULL &&
           !myl_str_equal(myl_user_public_part(master), myl_user_public_part(stored));
    return MYL_OK;
}

myl_rc myl_user_cross_keys_put(myl_ctx *cx, const myl_caller *caller, const myl_cross_keys *keys)
{
    bool new_master;

    MYL_TRY(is_new_master(cx, caller, keys->master, &new_master));
    for (myl_cross_key kind = MYL_KEY_MASTER; kind <= MYL_KEY_USER_SIGNING; kind++) {
        const myl_json *given = key_of(keys, kind);

        if (given != NULL || new_master)
            MYL_TRY(put_key(cx, caller, kind, given));
    }
    return myl_user_device_changed(cx, &(myl_device_change){.user = caller->user});
}

/* ---- signatures ---- */

static myl_rc wrong(myl_signed_result *out, const char *errcode, const char *reason)
{
    out->errcode = errcode;
    out->reason = reason;
    return MYL_OK;
}

/* One signature in the making: who signs what with which key. */
typedef struct {
    myl_signed_key key;
    myl_str signing_id; /* "ed25519:…" */
    myl_str public_part;
} signing;

static myl_rc keep_signature(myl_ctx *cx, const myl_caller *caller, const myl_signed_upload *upload,
                             const signing *s, myl_signed_result *out)
{
    const myl_json *all = myl_json_object(upload->object, MYL_S("signatures"));
    myl_str text = myl_json_text(myl_json_object(all, caller->user_id), s->signing_id), bytes;

    if (!myl_json_equal(bare(cx, upload->object), bare(cx, s->key.json)))
        return wrong(out, "M_INVALID_PARAM", "not the key that is stored");
    if (!decode_public(cx, s->public_part, &bytes) ||
        !myl_json_verify(cx, upload->object, caller->user_id, s->signing_id, bytes))
        return wrong(out, "M_INVALID_SIGNATURE", "not signed by the key that signs such keys");
    return myl_user_signature_put(cx, &s->key, caller->user,
                                  &(myl_key_signature){.key_id = s->signing_id, .signature = text});
}

/* By the user's self-signing key, about one of the user's devices. */
static myl_rc put_about_device(myl_ctx *cx, const myl_caller *caller,
                               const myl_signed_upload *upload, uint64_t device,
                               myl_signed_result *out)
{
    signing s = {.key = {.user = caller->user, .key_id = upload->key_id}};
    const myl_json *self_signing;

    MYL_TRY(myl_user_device_keys(cx, caller->user, device, &s.key.json));
    MYL_TRY(myl_user_cross_key(cx, caller->user, MYL_KEY_SELF_SIGNING, &self_signing));
    if (s.key.json == NULL)
        return wrong(out, "M_NOT_FOUND", "the device has no keys");
    if (self_signing == NULL)
        return wrong(out, "M_NOT_FOUND", "there is no self-signing key");
    s.public_part = myl_user_public_part(self_signing);
    s.signing_id = signing_id(cx, self_signing);
    MYL_TRY(keep_signature(cx, caller, upload, &s, out));
    out->own_device = out->errcode == NULL ? device : 0;
    return MYL_OK;
}

/* By any of the user's devices, about the user's own master key; the object may carry several. */
static myl_rc put_about_master(myl_ctx *cx, const myl_caller *caller,
                               const myl_signed_upload *upload, const myl_json *master,
                               myl_signed_result *out)
{
    const myl_json *all = myl_json_object(upload->object, MYL_S("signatures")),
                   *own = myl_json_object(all, caller->user_id);
    bool kept = false;

    for (uint32_t i = 0; own != NULL && i < own->count && i < MYL_LIMIT_SIGNATURES; i++) {
        myl_str name = own->items[i].key, device_id = myl_str_slice(name, 8, SIZE_MAX);
        signing s = {.key = {caller->user, upload->key_id, master}, .signing_id = name};
        const myl_json *device_keys;
        myl_device device;

        MYL_TRY(myl_user_device(cx, caller->user, device_id, &device));
        if (!myl_str_starts(name, MYL_S("ed25519:")) || device.number == 0)
            continue;
        MYL_TRY(myl_user_device_keys(cx, caller->user, device.number, &device_keys));
        s.public_part = myl_json_text(myl_json_object(device_keys, MYL_S("keys")), name);
        MYL_TRY(keep_signature(cx, caller, upload, &s, out));
        if (out->errcode != NULL)
            return MYL_OK;
        kept = true;
    }
    out->own_master = kept;
    return kept ? MYL_OK : wrong(out, "M_INVALID_SIGNATURE", "no signature of one of the devices");
}

/* By the caller's user-signing key, about another user's master key. */
static myl_rc put_about_other(myl_ctx *cx, const myl_caller *caller,
                              const myl_signed_upload *upload, myl_signed_result *out)
{
    signing s = {.key = {.key_id = upload->key_id}};
    const myl_json *user_signing;

    MYL_TRY(myl_store_interned(cx, MYL_INTERN_NAME, upload->user_id, &s.key.user));
    MYL_TRY(myl_user_cross_key(cx, s.key.user, MYL_KEY_MASTER, &s.key.json));
    MYL_TRY(myl_user_cross_key(cx, caller->user, MYL_KEY_USER_SIGNING, &user_signing));
    if (s.key.json == NULL || !myl_str_equal(myl_user_public_part(s.key.json), upload->key_id))
        return wrong(out, "M_NOT_FOUND", "not this user's master key");
    if (user_signing == NULL)
        return wrong(out, "M_NOT_FOUND", "there is no user-signing key");
    s.public_part = myl_user_public_part(user_signing);
    s.signing_id = signing_id(cx, user_signing);
    return keep_signature(cx, caller, upload, &s, out);
}

myl_rc myl_user_signed_put(myl_ctx *cx, const myl_caller *caller, const myl_signed_upload *upload,
                           myl_signed_result *out)
{
    const myl_json *master;
    myl_device device;

    *out = (myl_signed_result){0};
    if (!myl_str_equal(upload->user_id, caller->user_id))
        return put_about_other(cx, caller, upload, out);
    MYL_TRY(myl_user_cross_key(cx, caller->user, MYL_KEY_MASTER, &master));
    if (master != NULL && myl_str_equal(myl_user_public_part(master), upload->key_id))
        return put_about_master(cx, caller, upload, master, out);
    MYL_TRY(myl_user_device(cx, caller->user, upload->key_id, &device));
    if (device.number == 0)
        return wrong(out, "M_NOT_FOUND", "neither a device nor the master key");
    return put_about_device(cx, caller, upload, device.number, out);
}
