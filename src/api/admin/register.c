/* register.c: registration by shared secret, as Synapse's admin API has it.
 *
 * Why:     operators and suites make users, the first admin too, without opening registration.
 * Threads: the engine; the nonces live in memory, bounded, and end with the process.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "api/client/client_own.h"

#include <myelin/base_clock.h>

enum { NONCE_LETTERS = 32, NONCE_MS = 60000 };

typedef struct {
    char text[NONCE_LETTERS];
    int64_t until; /* tick */
} nonce;

/* A ring: a new one overwrites the oldest. */
static nonce nonces[MYL_LIMIT_NONCES];
static size_t newest;

static myl_rc require_secret(myl_req *req, myl_str *secret)
{
    *secret = myl_api_config()->registration_shared_secret.text;
    if (secret->len == 0)
        return myl_fail(&req->cx, MYL_UNRECOGNIZED, "shared-secret registration is off");
    return MYL_OK;
}

myl_rc myl_admin_register_nonce(myl_req *req, const myl_body_none *in)
{
    myl_str text = myl_crypto_random_text(&req->cx, NONCE_LETTERS), secret;
    myl_writer w = myl_write_start(&req->cx, 64);

    MYL_UNUSED(in);
    MYL_TRY(require_secret(req, &secret));
    newest = (newest + 1) % MYL_LIMIT_NONCES;
    memcpy(nonces[newest].text, text.at, NONCE_LETTERS);
    nonces[newest].until = myl_tick_ms() + NONCE_MS;
    myl_write_open(&w, '{');
    myl_write_str(&w, "nonce", text);
    myl_write_close(&w, '}');
    return myl_reply_written(req, &w);
}

static nonce *find_nonce(myl_str text)
{
    for (size_t i = 0; i < MYL_LIMIT_NONCES; i++)
        if (nonces[i].until > myl_tick_ms() &&
            myl_crypto_equal(text, (myl_str){nonces[i].text, NONCE_LETTERS}))
            return &nonces[i];
    return NULL;
}

/* HMAC-SHA1 over nonce, name, password, "admin" or "notadmin", and the user type where there is one, NUL between. */
static bool mac_is_right(myl_req *req, const myl_body_shared_secret_register *in, myl_str secret)
{
    myl_text text = MYL_TEXT(&req->cx);

    myl_text_add(&text, in->nonce);
    myl_text_add_byte(&text, '\0');
    myl_text_add(&text, in->username);
    myl_text_add_byte(&text, '\0');
    myl_text_add(&text, in->password);
    myl_text_add_byte(&text, '\0');
    myl_text_add(&text, in->admin ? MYL_S("admin") : MYL_S("notadmin"));
    if (myl_str_present(in->user_type)) {
        myl_text_add_byte(&text, '\0');
        myl_text_add(&text, in->user_type);
    }
    return myl_crypto_equal(in->mac,
                            myl_crypto_hmac_sha1_hex(&req->cx, secret, myl_text_str(&text)));
}

static myl_rc create(myl_req *req, const myl_body_shared_secret_register *in, myl_str password_hash)
{
    myl_str server = myl_room_server()->server_name;
    myl_str localpart = myl_client_small(&req->cx, in->username);
    myl_str user_id = myl_strf(&req->cx, "@%.*s:%.*s", MYL_FMT(localpart), MYL_FMT(server));
    myl_new_account account = {.user_id = user_id,
                               .password_hash = password_hash,
                               .display_name = in->displayname,
                               .is_admin = in->admin};
    myl_new_session session = {.user_id = user_id};
    uint64_t user;

    MYL_TRY(myl_user_create(&req->cx, &account, &user));
    return myl_client_open_session(req, session);
}

static void end_nonce(void *arg)
{
    ((nonce *)arg)->until = 0;
}

myl_rc myl_admin_register(myl_req *req, const myl_body_shared_secret_register *in)
{
    myl_str secret, encoded;
    nonce *used;

    MYL_TRY(require_secret(req, &secret));
    used = find_nonce(in->nonce);
    if (used == NULL)
        return myl_fail(&req->cx, MYL_BAD_REQUEST, "nonce: unknown or expired");
    if (!mac_is_right(req, in, secret))
        return myl_fail(&req->cx, MYL_FORBIDDEN, "mac: wrong");
    MYL_TRY(myl_client_hash_password(req, in->password, &encoded));
    myl_engine_after_commit(&req->cx, end_nonce, used);
    return create(req, in, encoded);
}
