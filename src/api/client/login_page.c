/* login_page.c: login and registration as web pages, for clients that do not know the flows.
 *
 * Spec:    Client-Server API, Login, Login Fallback.
 * Threads: a loop (no store).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "api/client/client_own.h"

static const char head[] =
    "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>Matrix</title>"
    "<meta name=\"viewport\" content=\"width=device-width\"></head>"
    "<body style=\"font-family:sans-serif;max-width:30em;margin:2em auto\">"
    "<form id=\"f\"><p><label>User name: <input id=\"u\" autocomplete=\"username\" "
    "required></label></p>"
    "<p><label>Password: <input id=\"p\" type=\"password\" required></label></p>"
    "<button>Continue</button></form><p id=\"m\" role=\"alert\"></p><script>"
    "const q=Object.fromEntries(new URLSearchParams(location.search));"
    "const m=t=>document.getElementById('m').textContent=t;"
    "const v=i=>document.getElementById(i).value;"
    "const extra={};for(const k of "
    "['device_id','initial_device_display_name'])if(q[k])extra[k]=q[k];"
    "if(q.refresh_token==='true')extra.refresh_token=true;"
    "async function post(path,body){const r=await fetch(path,{method:'POST',"
    "headers:{'Content-Type':'application/json'},body:JSON.stringify(body)});"
    "return [r.status,await r.json()];}";

static const char login_script[] =
    "document.getElementById('f').onsubmit=async e=>{e.preventDefault();"
    "const [s,b]=await post('/_matrix/client/v3/login',{...extra,type:'m.login.password',"
    "identifier:{type:'m.id.user',user:v('u')},password:v('p')});"
    "if(s!==200)return m(b.error||'Failed');m('You are logged in.');"
    "if(window.matrixLogin&&window.matrixLogin.onLogin)window.matrixLogin.onLogin(b);};</script></"
    "body></html>";

static const char register_script[] =
    "const wait=(t,s)=>new Promise(d=>{const w=window.open('/_matrix/client/v3/auth/'+t+"
    "'/fallback/web?session='+encodeURIComponent(s));"
    "window.addEventListener('message',function h(e){if(e.data!=='authDone')return;"
    "window.removeEventListener('message',h);if(w)w.close();d();});});"
    "document.getElementById('f').onsubmit=async e=>{e.preventDefault();"
    "const body={...extra,username:v('u'),password:v('p')};"
    "let [s,b]=await post('/_matrix/client/v3/register',body);"
    "for(let n=0;s===401&&b.flows&&n<8;n++){const session=b.session,done=b.completed||[];"
    "const t=b.flows[0].stages.find(x=>!done.includes(x));let auth={session};"
    "if(t==='m.login.dummy')auth.type=t;else await wait(t,session);"
    "[s,b]=await post('/_matrix/client/v3/register',{...body,auth});}"
    "if(s!==200)return m(b.error||'Failed');m('Your account is ready.');"
    "if(window.matrixRegistration&&window.matrixRegistration.onRegistered)"
    "window.matrixRegistration.onRegistered(b);};</script></body></html>";

static myl_rc reply(myl_req *req, const char *script)
{
    myl_text page = MYL_TEXT(&req->cx);

    myl_text_add(&page, myl_str_of(head));
    myl_text_add(&page, myl_str_of(script));
    myl_reply_header(
        req, "content-security-policy",
        MYL_S("default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
              "connect-src 'self'; form-action 'none'"));
    return myl_reply_bytes(req, 200, "text/html; charset=utf-8", myl_text_str(&page));
}

myl_rc myl_client_login_page(myl_req *req, const myl_body_none *in)
{
    MYL_UNUSED(in);
    return reply(req, login_script);
}

myl_rc myl_client_register_page(myl_req *req, const myl_body_none *in)
{
    MYL_UNUSED(in);
    return reply(req, register_script);
}

/* What clients of other servers ask before somebody types a password. */
myl_rc myl_client_password_policy(myl_req *req, const myl_body_none *in)
{
    myl_writer w = myl_write_start(&req->cx, 64);

    MYL_UNUSED(in);
    myl_write_open(&w, '{');
    myl_write_int(&w, "m.minimum_length", myl_api_config()->passwords_min_length);
    myl_write_close(&w, '}');
    return myl_reply_written(req, &w);
}

/* Tokens of before version 1.0; the ones of today are exchanged at /refresh. */
myl_rc myl_client_old_refresh(myl_req *req, const myl_body_empty *in)
{
    MYL_UNUSED(in);
    return myl_fail(&req->cx, MYL_FORBIDDEN, "tokenrefresh is gone; use refresh");
}
