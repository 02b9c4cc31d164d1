/* server_info.c: what this server is and can do: versions, capabilities.
 *
 * Spec:    Client-Server API, API versions; Capabilities.
 * Threads: a loop (no store).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "api/client/client_own.h"

static const char *const versions[] = {
    "r0.0.1", "r0.1.0", "r0.2.0", "r0.3.0", "r0.4.0", "r0.5.0", "r0.6.0", "r0.6.1", "v1.1",
    "v1.2",   "v1.3",   "v1.4",   "v1.5",   "v1.6",   "v1.7",   "v1.8",   "v1.9",   "v1.10",
    "v1.11",  "v1.12",  "v1.13",  "v1.14",  "v1.15",  "v1.16",  "v1.17",  "v1.18",  "v1.19",
};

static const char *const features[] = {
#define FEATURE(name) name,
#include "api/features.def"
#undef FEATURE
};

/* A token is looked at when there is one, so that a client learns that it has ended; all are told the same. */
myl_rc myl_client_versions(myl_req *req, const myl_body_none *in)
{
    myl_writer w = myl_write_start(&req->cx, 1024);

    MYL_UNUSED(in);
    myl_write_open(&w, '{');
    myl_write_open_key(&w, "unstable_features", '{');
    for (size_t i = 0; i < sizeof(features) / sizeof(features[0]); i++)
        myl_write_bool(&w, features[i], true);
    myl_write_bool(&w, "org.matrix.msc4306", myl_api_config()->push_thread_subscriptions);
    myl_write_close(&w, '}');
    myl_write_open_key(&w, "versions", '[');
    for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++)
        myl_write_str(&w, NULL, myl_str_of(versions[i]));
    myl_write_close(&w, ']');
    myl_write_close(&w, '}');
    return myl_reply_written(req, &w);
}

/* ---- capabilities ---- */

static void write_enabled(myl_writer *w, const char *name, bool enabled)
{
    myl_write_open_key(w, name, '{');
    myl_write_bool(w, "enabled", enabled);
    myl_write_close(w, '}');
}

/* All of them are told: of some, clients take silence for yes. */
static void write_switches(const myl_req *req, myl_writer *w)
{
    write_enabled(w, "m.3pid_changes", false);
    if (req->caller.is_admin) {
        myl_write_open_key(w, "m.account_moderation", '{');
        myl_write_bool(w, "lock", true);
        myl_write_bool(w, "suspend", true);
        myl_write_close(w, '}');
    }
    write_enabled(w, "m.change_password", true);
    if (myl_api_config()->rooms_forget_on_leave)
        write_enabled(w, "m.forget_forced_upon_leave", true);
    write_enabled(w, "m.get_login_token", myl_api_config()->sessions_login_tokens);
    write_enabled(w, "m.profile_fields", true);
}

static void write_old_switches(myl_writer *w)
{
    write_enabled(w, "m.set_avatar_url", true);
    write_enabled(w, "m.set_displayname", true);
}

static void write_room_versions(myl_writer *w)
{
    myl_write_open_key(w, "m.room_versions", '{');
    myl_write_open_key(w, "available", '{');
    for (size_t i = 0; i < myl_room_version_count(); i++) {
        const myl_room_version *version = myl_room_version_at(i);

        myl_write_str(w, version->name, version->unstable ? MYL_S("unstable") : MYL_S("stable"));
    }
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
    write_switches(req, &w);
    write_room_versions(&w);
    write_old_switches(&w);
    myl_write_close(&w, '}');
    myl_write_close(&w, '}');
    return myl_reply_written(req, &w);
}
