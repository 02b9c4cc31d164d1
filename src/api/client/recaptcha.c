/* recaptcha.c: the answer to a captcha is checked where the configuration says.
 *
 * Spec:    Client-Server API, User-Interactive Authentication API, Google ReCaptcha.
 * Threads: the handler's; the call is made on a lane.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "api/client/client_own.h"

#include <myelin/net_call.h>

enum { TIMEOUT_MS = 15000, REPLY_BYTES = 65536 };

/* Everything but letters and digits as %XX. */
static void add_field(myl_text *body, const char *name, myl_str value)
{
    myl_text_addf(body, "%s%s=", body->len > 0 ? "&" : "", name);
    for (size_t i = 0; i < value.len; i++) {
        char c = value.at[i];

        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'))
            myl_text_add_byte(body, c);
        else
            myl_text_addf(body, "%%%02X", (unsigned char)c);
    }
}

static myl_rc run(myl_req *req, void *state)
{
    static const myl_net_header form = {MYL_S_INIT("content-type"),
                                        MYL_S_INIT("application/x-www-form-urlencoded")};
    myl_client_work *work = state;
    myl_text body = MYL_TEXT(&req->cx);
    myl_net_call call = {.cx = &req->cx,
                         .method = "POST",
                         .url = myl_api_config()->registration_recaptcha_verify_url,
                         .headers = &form,
                         .header_count = 1,
                         .timeout_ms = TIMEOUT_MS,
                         .reply_limit = REPLY_BYTES,
                         .allow_http = true,
                         .trusted = true};
    myl_net_call *calls[] = {&call};
    const myl_json *answer;

    add_field(&body, "secret", myl_api_config()->registration_recaptcha_secret.text);
    add_field(&body, "response", work->input);
    add_field(&body, "remoteip", req->address);
    call.body = myl_text_str(&body);
    myl_net_call_wait(calls, 1);
    if (call.rc != MYL_OK || call.status != 200 ||
        myl_json_parse(&req->cx, call.reply, &answer) != MYL_OK) {
        myl_forgive(&req->cx);
        return myl_fail(&req->cx, MYL_REMOTE_DOWN, "the captcha cannot be checked now");
    }
    work->right = myl_json_bool(answer, MYL_S("success"), false);
    return MYL_OK;
}

myl_rc myl_client_check_captcha(myl_req *req, myl_str answer, bool *right)
{
    myl_client_work asked = {.kind = MYL_WORK_CAPTCHA, .input = answer};
    const myl_client_work *work;

    *right = false;
    if (!myl_str_present(answer) || answer.len == 0 ||
        myl_api_config()->registration_recaptcha_site_key.len == 0)
        return MYL_OK;
    MYL_TRY(myl_client_work_done(req, &asked, MYL_LANE_REMOTE, run, &work));
    *right = work->right;
    return MYL_OK;
}
