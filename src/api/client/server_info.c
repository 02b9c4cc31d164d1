/* server_info.c: what this server is and can do: versions, capabilities, well-known documents.
 *
 * Spec:    Client-Server API, API versions; Capabilities; Well-known URIs. Server-Server API, Server discovery.
 * Threads: a loop (no store).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "api/client/client_own.h"

myl_rc myl_client_versions(myl_req *req, const myl_body_none *in)
{
    static const char *const versions[] = {"v1.1", "v1.2", "v1.3"};
    myl_writer w = myl_write_start(&req->cx, 128);

    MYL_UNUSED(in);
    myl_write_open(&w, '{');
    myl_write_open_key(&w, "unstable_features", '{');
    myl_write_close(&w, '}');
    myl_write_open_key(&w, "versions", '[');
    for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++)
        myl_write_str(&w, NULL, myl_str_of(versions[i]));
    myl_write_close(&w, ']');
    myl_write_close(&w, '}');
    return myl_reply_written(req, &w);
}

/* Things that are not there yet are told so, since clients take silence for yes. */
static void write_disabled(myl_writer *w)
{
    static const char *const names[] = {"m.3pid_changes", "m.change_password", "m.get_login_token",
                                        "m.profile_fields"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        myl_write_open_key(w, names[i], '{');
        myl_write_bool(w, "enabled", false);
        myl_write_close(w, '}');
    }
}

static void write_room_versions(myl_writer *w)
{
    myl_write_open_key(w, "m.room_versions", '{');
    myl_write_open_key(w, "available", '{');
    for (size_t i = 0; i < myl_room_version_count(); i++)
        if (!myl_room_version_at(i)->pair_references)
            myl_write_str(w, myl_room_version_at(i)->name, MYL_S("stable"));
    myl_write_close(w, '}');
    myl_write_str(w, "default", myl_api_config()->rooms_default_version);
    myl_write_close(w, '}');
}

myl_rc myl_client_capabilities(myl_req *req, const myl_body_none *in)
{
    myl_writer w = myl_write_start(&req->cx, 512);

    MYL_UNUSED(in);
    myl_write_open(&w, '{');
    myl_write_open_key(&w, "capabilities", '{');
    write_disabled(&w);
    write_room_versions(&w);
    myl_write_close(&w, '}');
    myl_write_close(&w, '}');
    return myl_reply_written(req, &w);
}

myl_rc myl_client_well_known(myl_req *req, const myl_body_none *in)
{
    myl_str base_url = myl_api_config()->well_known_client_base_url;
    myl_writer w = myl_write_start(&req->cx, 128);

    MYL_UNUSED(in);
    if (!myl_str_present(base_url) || base_url.len == 0)
        return myl_fail(&req->cx, MYL_NOT_FOUND, "no base URL is configured");
    myl_write_open(&w, '{');
    myl_write_open_key(&w, "m.homeserver", '{');
    myl_write_str(&w, "base_url", base_url);
    myl_write_close(&w, '}');
    myl_write_close(&w, '}');
    return myl_reply_written(req, &w);
}

myl_rc myl_server_well_known(myl_req *req, const myl_body_none *in)
{
    myl_str server = myl_api_config()->well_known_server;
    myl_writer w = myl_write_start(&req->cx, 128);

    MYL_UNUSED(in);
    if (!myl_str_present(server) || server.len == 0)
        return myl_fail(&req->cx, MYL_NOT_FOUND, "no server name is configured");
    myl_write_open(&w, '{');
    myl_write_str(&w, "m.server", server);
    myl_write_close(&w, '}');
    return myl_reply_written(req, &w);
}
