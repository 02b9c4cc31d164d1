/* well_known.c: the well-known documents, from the configuration; what is not configured is not there.
 *
 * Spec:    Client-Server API, Well-known URIs; Policy Servers. Server-Server API, Server discovery.
 * Threads: a loop (no store).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "api/client/client_own.h"

#include <myelin/api_endpoints.h>

static myl_rc not_configured(myl_req *req)
{
    return myl_fail(&req->cx, MYL_NOT_FOUND, "this is not configured");
}

static bool is_set(myl_str value)
{
    return value.len > 0;
}

/* Further members of the client's document; checked when the server starts. */
myl_rc myl_api_check_config(myl_ctx *cx, const myl_config *given)
{
    const myl_json *extra;

    if (!is_set(given->well_known_client_extra))
        return MYL_OK;
    if (myl_json_parse(cx, given->well_known_client_extra, &extra) != MYL_OK ||
        extra->kind != MYL_JSON_OBJECT || MYL_JSON_AT(extra, "m.homeserver") != NULL) {
        myl_forgive(cx);
        return myl_fail(cx, MYL_BAD_CONFIG,
                        "well_known.client_extra: expected a JSON object without m.homeserver");
    }
    return MYL_OK;
}

myl_rc myl_client_well_known(myl_req *req, const myl_body_none *in)
{
    const myl_config *config = myl_api_config();
    myl_writer w = myl_write_start(&req->cx, 128);
    const myl_json *extra;

    MYL_UNUSED(in);
    if (!is_set(config->well_known_client_base_url))
        return not_configured(req);
    myl_write_open(&w, '{');
    myl_write_open_key(&w, "m.homeserver", '{');
    myl_write_str(&w, "base_url", config->well_known_client_base_url);
    myl_write_close(&w, '}');
    if (is_set(config->well_known_client_extra)) {
        MYL_TRY(myl_json_parse(&req->cx, config->well_known_client_extra, &extra));
        for (uint32_t i = 0; i < extra->count; i++)
            myl_write_json(&w, myl_cstr(&req->cx, extra->items[i].key), &extra->items[i]);
    }
    myl_write_close(&w, '}');
    return myl_reply_written(req, &w);
}

myl_rc myl_server_well_known(myl_req *req, const myl_body_none *in)
{
    myl_str server = myl_api_config()->well_known_server;
    myl_writer w = myl_write_start(&req->cx, 128);

    MYL_UNUSED(in);
    if (!is_set(server))
        return not_configured(req);
    myl_write_open(&w, '{');
    myl_write_str(&w, "m.server", server);
    myl_write_close(&w, '}');
    return myl_reply_written(req, &w);
}

static void write_contact(myl_writer *w, const myl_config *config)
{
    myl_write_open_key(w, "contacts", '[');
    myl_write_open(w, '{');
    if (is_set(config->well_known_support_email))
        myl_write_str(w, "email_address", config->well_known_support_email);
    if (is_set(config->well_known_support_matrix_id))
        myl_write_str(w, "matrix_id", config->well_known_support_matrix_id);
    myl_write_str(w, "role", MYL_S("m.role.admin"));
    myl_write_close(w, '}');
    myl_write_close(w, ']');
}

myl_rc myl_client_well_known_support(myl_req *req, const myl_body_none *in)
{
    const myl_config *config = myl_api_config();
    bool contact =
        is_set(config->well_known_support_email) || is_set(config->well_known_support_matrix_id);
    myl_writer w = myl_write_start(&req->cx, 256);

    MYL_UNUSED(in);
    if (!contact && !is_set(config->well_known_support_page))
        return not_configured(req);
    myl_write_open(&w, '{');
    if (contact)
        write_contact(&w, config);
    if (is_set(config->well_known_support_page))
        myl_write_str(&w, "support_page", config->well_known_support_page);
    myl_write_close(&w, '}');
    return myl_reply_written(req, &w);
}

myl_rc myl_client_well_known_policy(myl_req *req, const myl_body_none *in)
{
    myl_str key = myl_api_config()->well_known_policy_server_key;
    myl_writer w = myl_write_start(&req->cx, 128);

    MYL_UNUSED(in);
    if (!is_set(key))
        return not_configured(req);
    myl_write_open(&w, '{');
    myl_write_open_key(&w, "public_keys", '{');
    myl_write_str(&w, "ed25519", key);
    myl_write_close(&w, '}');
    myl_write_close(&w, '}');
    return myl_reply_written(req, &w);
}
