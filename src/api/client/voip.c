/* voip.c: credentials for the configured TURN server.
 *
 * Spec:    Client-Server API, Voice over IP. The form is that of draft-uberti-behave-turn-rest: the user name is the end of
 *          its life and who it is, the password its HMAC-SHA1 under the shared secret.
 * Threads: a loop (no store).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "api/client/client_own.h"

#include <myelin/base_clock.h>

myl_rc myl_client_turn_server(myl_req *req, const myl_body_none *in)
{
    const myl_config *config = myl_api_config();
    int64_t ttl = config->turn_lifetime / 1000;
    myl_writer w = myl_write_start(&req->cx, 256);
    myl_str name;

    MYL_UNUSED(in);
    if (config->turn_uris.count == 0)
        return myl_reply_empty(req); /* clients take it for "there is none" */
    name = myl_strf(&req->cx, "%lld:%.*s", (long long)(myl_now_ms() / 1000 + ttl),
                    MYL_FMT(req->caller.user_id));
    myl_write_open(&w, '{');
    myl_write_str(&w, "password",
                  myl_crypto_hmac_sha1_base64(&req->cx, config->turn_secret.text, name));
    myl_write_int(&w, "ttl", ttl);
    myl_write_open_key(&w, "uris", '[');
    for (size_t i = 0; i < config->turn_uris.count; i++)
        myl_write_str(&w, NULL, config->turn_uris.items[i]);
    myl_write_close(&w, ']');
    myl_write_str(&w, "username", name);
    myl_write_close(&w, '}');
    return myl_reply_written(req, &w);
}
