/* uia_pages.c: stages of user-interactive authentication as web pages, for clients that do not know them.
 *
 * Spec:    Client-Server API, User-Interactive Authentication API, Fallback.
 * Threads: a read worker to show a page; the engine when a form comes in.
 * Holds:   a page completes its stage for the session that it was opened with, whatever request that is bound to; the client
 *          then sends that request again. Whatever stands in a page is escaped.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "api/client/client_own.h"

static void add_escaped(myl_text *page, myl_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.at[i];

        if (c == '<' || c == '>' || c == '&' || c == '"' || c == '\'')
            myl_text_addf(page, "&#%u;", c);
        else
            myl_text_add_byte(page, (char)c);
    }
}

static void add(myl_text *page, const char *html)
{
    myl_text_add(page, myl_str_of(html));
}

static void begin_page(myl_text *page)
{
    add(page,
        "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>Confirm</title>"
        "<meta name=\"viewport\" content=\"width=device-width\"></head>"
        "<body style=\"font-family:sans-serif;max-width:30em;margin:2em auto\">");
}

static myl_rc reply_page(myl_req *req, int status, myl_text *page)
{
    add(page, "</body></html>");
    myl_reply_header(req, "referrer-policy", MYL_S("no-referrer"));
    return myl_reply_bytes(req, status, "text/html; charset=utf-8", myl_text_str(page));
}

static myl_rc reply_done(myl_req *req)
{
    myl_text page = MYL_TEXT(&req->cx);

    begin_page(&page);
    add(&page, "<p>Thank you. You may close this window and go back to your client.</p><script>"
               "if(window.onAuthDone){window.onAuthDone();}"
               "else if(window.opener&&window.opener.postMessage)"
               "{window.opener.postMessage(\"authDone\",\"*\");}</script>");
    return reply_page(req, 200, &page);
}

/* ---- what each stage asks ---- */

static void add_terms(myl_text *page)
{
    add(page, "<p>Please read and accept:</p><ul>");
    for (size_t i = 0; i < myl_client_policy_count(); i++) {
        myl_policy policy = myl_client_policy(i);

        add(page, "<li><a target=\"_blank\" rel=\"noopener\" href=\"");
        add_escaped(page, policy.url);
        add(page, "\">");
        add_escaped(page, policy.name);
        add(page, "</a></li>");
    }
    add(page, "</ul><input type=\"hidden\" name=\"agree\" value=\"yes\">");
}

static void add_captcha(myl_text *page)
{
    const myl_config *config = myl_api_config();

    add(page, "<p>Please show that you are no robot.</p><script src=\"");
    add_escaped(page, config->registration_recaptcha_script_url);
    add(page, "\" async defer></script><div class=\"g-recaptcha\" data-sitekey=\"");
    add_escaped(page, config->registration_recaptcha_site_key);
    add(page, "\"></div>");
}

static void add_question(myl_text *page, unsigned stage)
{
    if (stage == MYL_UIA_TERMS)
        add_terms(page);
    else if (stage == MYL_UIA_RECAPTCHA)
        add_captcha(page);
    else if (stage == MYL_UIA_REGISTRATION_TOKEN)
        add(page, "<p><label>Registration token: <input name=\"token\" required></label></p>");
    else
        add(page, "<p>Please confirm that you wish to go on.</p>");
}

static myl_rc reply_form(myl_req *req, unsigned stage, myl_str session_id, bool was_wrong)
{
    myl_text page = MYL_TEXT(&req->cx);

    begin_page(&page);
    if (was_wrong)
        add(&page, "<p role=\"alert\">That was not right. Please try again.</p>");
    add(&page, "<form method=\"post\">");
    add_question(&page, stage);
    add(&page, "<input type=\"hidden\" name=\"session\" value=\"");
    add_escaped(&page, session_id);
    add(&page, "\"><button>Continue</button></form>");
    return reply_page(req, 200, &page);
}

/* ---- the endpoints ---- */

/* The stage of the path that has a page; a password has none: the session does not say whose. */
static myl_rc open_stage(myl_req *req, myl_str session_id, unsigned *stage, myl_uia_session *out)
{
    *stage = myl_client_uia_stage(req->path.auth_type);
    if (*stage == 0 || *stage == MYL_UIA_PASSWORD)
        return myl_fail(&req->cx, MYL_NOT_FOUND, "authType: there is no page for this stage");
    if (!myl_str_present(session_id))
        return myl_fail(&req->cx, MYL_MISSING_PARAM, "session: missing");
    MYL_TRY(myl_uia_find(&req->cx, session_id, out));
    if (!myl_str_present(out->session_id))
        return myl_fail(&req->cx, MYL_NOT_FOUND, "session: unknown or expired");
    return MYL_OK;
}

myl_rc myl_client_auth_page(myl_req *req, const myl_body_none *in)
{
    myl_uia_session session;
    unsigned stage;

    MYL_UNUSED(in);
    MYL_TRY(open_stage(req, myl_req_query(req, "session"), &stage, &session));
    if ((session.done & stage) != 0)
        return reply_done(req);
    return reply_form(req, stage, session.session_id, false);
}

static myl_rc judge_form(myl_req *req, unsigned stage, myl_uia_session *session, bool *right)
{
    myl_str token = myl_req_form(req, "token");

    *right = true;
    if (stage == MYL_UIA_TERMS)
        *right = myl_str_equal(myl_req_form(req, "agree"), MYL_S("yes"));
    if (stage == MYL_UIA_RECAPTCHA)
        return myl_client_check_captcha(req, myl_req_form(req, "g-recaptcha-response"), right);
    if (stage != MYL_UIA_REGISTRATION_TOKEN)
        return MYL_OK;
    session->note = token;
    *right = false;
    return myl_str_present(token) ? myl_client_registration_token_valid(req, token, right) : MYL_OK;
}

myl_rc myl_client_auth_form(myl_req *req, const myl_body_none *in)
{
    myl_str session_id = myl_req_form(req, "session");
    myl_uia_session session;
    unsigned stage;
    bool right;

    MYL_UNUSED(in);
    if (!myl_str_present(session_id))
        session_id = myl_req_query(req, "session");
    MYL_TRY(open_stage(req, session_id, &stage, &session));
    MYL_TRY(judge_form(req, stage, &session, &right));
    if (!right)
        return reply_form(req, stage, session_id, true);
    session.done |= stage;
    MYL_TRY(myl_uia_keep(&req->cx, &session));
    return reply_done(req);
}
