/* uia.c: user-interactive authentication: stages, flows, the 401 that lists them.
 *
 * Spec:    Client-Server API, User-Interactive Authentication API.
 * Callers: handlers of requests that ask for it.
 * Threads: the engine (sessions are stored).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "api/client/client_own.h"

static const struct {
    unsigned stage;
    const char *name;
} stages[] = {
    {MYL_UIA_DUMMY, "m.login.dummy"},
    {MYL_UIA_REGISTRATION_TOKEN, "m.login.registration_token"},
    {MYL_UIA_PASSWORD, "m.login.password"},
    {MYL_UIA_TERMS, "m.login.terms"},
};

enum { STAGE_COUNT = sizeof(stages) / sizeof(stages[0]) };

static unsigned stage_of(myl_str type)
{
    for (size_t i = 0; i < STAGE_COUNT; i++)
        if (myl_str_equal(type, myl_str_of(stages[i].name)))
            return stages[i].stage;
    return 0;
}

/* ---- the reply ---- */

static void write_stages(myl_writer *w, const char *key, unsigned set)
{
    myl_write_open_key(w, key, '[');
    for (size_t i = 0; i < STAGE_COUNT; i++)
        if ((set & stages[i].stage) != 0)
            myl_write_str(w, NULL, myl_str_of(stages[i].name));
    myl_write_close(w, ']');
}

/* A refusal of a stage, told beside the flows. */
typedef struct {
    const char *errcode;
    const char *error;
} refusal;

static myl_rc reply_flows(myl_req *req, const myl_uia_ask *ask, const myl_uia_session *session,
                          const refusal *refused)
{
    myl_writer w = myl_write_start(&req->cx, 256);

    myl_write_open(&w, '{');
    if (session->done != 0)
        write_stages(&w, "completed", session->done);
    if (refused != NULL) {
        myl_write_str(&w, "errcode", myl_str_of(refused->errcode));
        myl_write_str(&w, "error", myl_str_of(refused->error));
    }
    myl_write_open_key(&w, "flows", '[');
    for (size_t i = 0; i < ask->flow_count; i++) {
        myl_write_open(&w, '{');
        write_stages(&w, "stages", ask->flows[i]);
        myl_write_close(&w, '}');
    }
    myl_write_close(&w, ']');
    myl_write_open_key(&w, "params", '{');
    myl_write_close(&w, '}');
    myl_write_str(&w, "session", session->session_id);
    myl_write_close(&w, '}');
    return myl_reply_json(req, 401, myl_write_done(&w));
}

/* ---- stages ---- */

static myl_rc run_token_stage(myl_req *req, const myl_part_auth *auth, myl_uia_session *session,
                              refusal *refused)
{
    bool valid = false;

    if (myl_str_present(auth->token))
        MYL_TRY(myl_client_registration_token_valid(req, auth->token, &valid));
    if (!valid) {
        *refused = (refusal){"M_UNAUTHORIZED", "the registration token is not valid"};
        return MYL_OK;
    }
    session->note = auth->token;
    session->done |= MYL_UIA_REGISTRATION_TOKEN;
    return MYL_OK;
}

static bool is_offered(const myl_uia_ask *ask, unsigned stage)
{
    for (size_t i = 0; i < ask->flow_count; i++)
        if ((ask->flows[i] & stage) != 0)
            return true;
    return false;
}

static myl_rc run_stage(myl_req *req, const myl_uia_ask *ask, myl_uia_session *session,
                        refusal *refused)
{
    unsigned stage = stage_of(ask->auth->type);

    if (!myl_str_present(ask->auth->type))
        return MYL_OK; /* a client asks again for where it stands */
    if (stage == 0 || !is_offered(ask, stage)) {
        *refused = (refusal){"M_UNRECOGNIZED", "auth.type: not a stage of this request"};
        return MYL_OK;
    }
    if (stage == MYL_UIA_REGISTRATION_TOKEN)
        return run_token_stage(req, ask->auth, session, refused);
    session->done |= stage;
    return MYL_OK;
}

static bool is_complete(const myl_uia_ask *ask, unsigned done)
{
    for (size_t i = 0; i < ask->flow_count; i++)
        if ((ask->flows[i] & done) == ask->flows[i])
            return true;
    return false;
}

myl_rc myl_client_uia(myl_req *req, const myl_uia_ask *ask, myl_uia_session *session, bool *passed)
{
    myl_ctx *cx = &req->cx;
    refusal refused = {0};

    *passed = false;
    memset(session, 0, sizeof(*session));
    if (ask->auth != NULL && myl_str_present(ask->auth->session)) {
        MYL_TRY(myl_uia_find(cx, ask->auth->session, ask->binding, session));
        if (!myl_str_present(session->session_id))
            refused = (refusal){"M_FORBIDDEN", "auth.session: unknown or expired"};
    }
    if (!myl_str_present(session->session_id))
        MYL_TRY(myl_uia_begin(cx, ask->binding, session));
    if (ask->auth != NULL && refused.errcode == NULL)
        MYL_TRY(run_stage(req, ask, session, &refused));
    *passed = refused.errcode == NULL && is_complete(ask, session->done);
    if (*passed)
        return MYL_OK;
    MYL_TRY(myl_uia_keep(cx, session, ask->binding));
    return reply_flows(req, ask, session, refused.errcode != NULL ? &refused : NULL);
}
