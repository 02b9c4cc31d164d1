/* uia.c: user-interactive authentication: stages, flows, the 401 that lists them.
 *
 * Spec:    Client-Server API, User-Interactive Authentication API.
 * Callers: handlers of requests that ask for it.
 * Threads: the engine (sessions are stored); passwords are verified on their lane between two rounds.
 * Holds:   what is proven for one request never serves another: a session is bound to the handler (all its paths are
 *          one), its path's ids, the user, and what of the body the handler says that matters.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "api/client/client_own.h"

static const struct {
    unsigned stage;
    const char *name;
} stages[] = {
    {MYL_UIA_RECAPTCHA, "m.login.recaptcha"},
    {MYL_UIA_TERMS, "m.login.terms"},
    {MYL_UIA_REGISTRATION_TOKEN, "m.login.registration_token"},
    {MYL_UIA_PASSWORD, "m.login.password"},
    {MYL_UIA_DUMMY, "m.login.dummy"},
};

enum { STAGE_COUNT = sizeof(stages) / sizeof(stages[0]) };

unsigned myl_client_uia_stage(myl_str type)
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

static unsigned offered(const myl_uia_ask *ask)
{
    unsigned all = 0;

    for (size_t i = 0; i < ask->flow_count; i++)
        all |= ask->flows[i];
    return all;
}

static void write_flows(myl_writer *w, const myl_uia_ask *ask)
{
    myl_write_open_key(w, "flows", '[');
    for (size_t i = 0; i < ask->flow_count; i++) {
        myl_write_open(w, '{');
        write_stages(w, "stages", ask->flows[i]);
        myl_write_close(w, '}');
    }
    myl_write_close(w, ']');
    myl_write_open_key(w, "params", '{');
    myl_client_write_uia_params(w, offered(ask));
    myl_write_close(w, '}');
}

static myl_rc reply_flows(myl_req *req, const myl_uia_ask *ask, const myl_uia_session *session,
                          const refusal *refused)
{
    myl_writer w = myl_write_start(&req->cx, 256);

    myl_write_open(&w, '{');
    if (session->done != 0 || refused->errcode != NULL)
        write_stages(&w, "completed", session->done);
    if (refused->errcode != NULL) {
        myl_write_str(&w, "errcode", myl_str_of(refused->errcode));
        myl_write_str(&w, "error", myl_str_of(refused->error));
    }
    write_flows(&w, ask);
    myl_write_str(&w, "session", session->session_id);
    myl_write_close(&w, '}');
    return myl_reply_json(req, 401, myl_write_done(&w));
}

/* ---- stages: each sets its bit, or says why not ---- */

typedef struct {
    myl_req *req;
    const myl_uia_ask *ask;
    myl_uia_session *session;
    refusal *refused;
} stage_run;

static myl_rc run_token_stage(const stage_run *run)
{
    myl_str token = run->ask->auth->token;
    bool valid = false;

    if (myl_str_present(token))
        MYL_TRY(myl_client_registration_token_valid(run->req, token, &valid));
    if (!valid) {
        *run->refused = (refusal){"M_UNAUTHORIZED", "the registration token is not valid"};
        return MYL_OK;
    }
    run->session->note = token;
    run->session->done |= MYL_UIA_REGISTRATION_TOKEN;
    return MYL_OK;
}

static myl_rc run_captcha_stage(const stage_run *run)
{
    myl_str answer = run->ask->auth->response;
    bool right;

    MYL_TRY(myl_client_check_captcha(run->req, answer, &right));
    if (right)
        run->session->done |= MYL_UIA_RECAPTCHA;
    else if (answer.len == 0)
        *run->refused = (refusal){"M_CAPTCHA_NEEDED", "auth.response: missing"};
    else
        *run->refused = (refusal){"M_CAPTCHA_INVALID", "auth.response: not the right answer"};
    return MYL_OK;
}

/* The user whom the stage names, in any of the forms that clients send; absent: none is named. */
static myl_rc named_user(const stage_run *run, myl_str *user_id)
{
    const myl_part_auth *auth = run->ask->auth;
    myl_str name = auth->user;

    *user_id = MYL_ABSENT;
    if (auth->identifier != NULL) {
        if (myl_client_is_third_party(auth->identifier->type))
            return myl_fail(&run->req->cx, MYL_FORBIDDEN, "auth.identifier: not the one who asks");
        if (!myl_str_equal(auth->identifier->type, MYL_S("m.id.user")))
            return myl_fail(&run->req->cx, MYL_BAD_REQUEST,
                            "auth.identifier.type: only m.id.user is supported");
        name = auth->identifier->user;
    }
    if (!myl_str_present(name))
        return MYL_OK;
    *user_id = myl_client_user_id(&run->req->cx, name);
    if (!myl_str_present(*user_id))
        *user_id = MYL_S("");
    return MYL_OK;
}

static myl_rc run_password_stage(const stage_run *run)
{
    myl_req *req = run->req;
    myl_account account;
    myl_str named;
    bool right = false;

    if (!myl_str_present(run->ask->auth->password)) {
        *run->refused = (refusal){"M_MISSING_PARAM", "auth.password: missing"};
        return MYL_OK;
    }
    MYL_TRY(named_user(run, &named));
    if (myl_str_present(named) && !myl_str_equal(named, req->caller.user_id))
        return myl_fail(&req->cx, MYL_FORBIDDEN, "auth.identifier.user: not the one who asks");
    MYL_TRY(myl_user_account(&req->cx, req->caller.user_id, &account));
    MYL_TRY(myl_client_verify_password(req, req->caller.user_id, run->ask->auth->password,
                                       account.password_hash, &right));
    if (right)
        run->session->done |= MYL_UIA_PASSWORD;
    else
        *run->refused = (refusal){"M_FORBIDDEN", "wrong user name or password"};
    return MYL_OK;
}

static myl_rc run_stage(const stage_run *run)
{
    myl_str type = run->ask->auth->type;
    unsigned stage = myl_client_uia_stage(type);

    if (!myl_str_present(type))
        return MYL_OK; /* a client asks again for where it stands: a fallback page may have been used */
    if (stage == 0 || (offered(run->ask) & stage) == 0) {
        *run->refused = (refusal){"M_UNRECOGNIZED", "auth.type: not a stage of this request"};
        return MYL_OK;
    }
    if ((run->session->done & stage) != 0)
        return MYL_OK;
    if (stage == MYL_UIA_REGISTRATION_TOKEN)
        return run_token_stage(run);
    if (stage == MYL_UIA_PASSWORD)
        return run_password_stage(run);
    if (stage == MYL_UIA_RECAPTCHA)
        return run_captcha_stage(run);
    run->session->done |= stage;
    return MYL_OK;
}

/* ---- the whole ---- */

static bool is_complete(const myl_uia_ask *ask, unsigned done)
{
    for (size_t i = 0; i < ask->flow_count; i++)
        if ((ask->flows[i] & done) == ask->flows[i])
            return true;
    return false;
}

/* Each piece with its length, so that none can run into the next. */
static myl_str binding_of(myl_req *req, const myl_uia_ask *ask)
{
    myl_text text = MYL_TEXT(&req->cx);

    myl_row_str(&text, myl_str_of(req->endpoint->name));
    myl_row_str(&text, req->caller.user_id);
    myl_row_str(&text, req->path.device_id);
    myl_row_str(&text, ask->matters);
    return myl_text_str(&text);
}

static myl_rc find_session(myl_req *req, const myl_uia_ask *ask, myl_uia_session *session,
                           refusal *refused)
{
    myl_str binding = binding_of(req, ask);

    memset(session, 0, sizeof(*session));
    if (ask->auth != NULL && myl_str_present(ask->auth->session)) {
        MYL_TRY(myl_uia_find(&req->cx, ask->auth->session, session));
        if (!myl_str_present(session->session_id))
            *refused = (refusal){"M_FORBIDDEN", "auth.session: unknown or expired"};
        else if (!myl_uia_is_bound(session, binding))
            return myl_fail(&req->cx, MYL_FORBIDDEN, "auth.session: begun by another request");
    }
    if (!myl_str_present(session->session_id))
        return myl_uia_begin(&req->cx, binding, session);
    return MYL_OK;
}

myl_rc myl_client_uia(myl_req *req, const myl_uia_ask *ask, myl_uia_session *session, bool *passed)
{
    refusal refused = {0};
    stage_run run = {req, ask, session, &refused};

    *passed = false;
    MYL_TRY(find_session(req, ask, session, &refused));
    if (ask->auth != NULL && refused.errcode == NULL)
        MYL_TRY(run_stage(&run));
    *passed = refused.errcode == NULL && is_complete(ask, session->done);
    if (*passed)
        return MYL_OK;
    MYL_TRY(myl_uia_keep(&req->cx, session));
    return reply_flows(req, ask, session, &refused);
}

myl_rc myl_client_confirm(myl_req *req, const myl_part_auth *auth, myl_str matters, bool *passed)
{
    static const unsigned by_password[] = {MYL_UIA_PASSWORD};
    myl_uia_ask ask = {.flows = by_password, .flow_count = 1, .matters = matters, .auth = auth};
    myl_uia_session session;

    MYL_TRY(myl_client_uia(req, &ask, &session, passed));
    return *passed ? myl_uia_end(&req->cx, &session) : MYL_OK;
}
