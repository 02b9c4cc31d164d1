/* user_uia.h: sessions of user-interactive authentication.
 *
 * Spec: Client-Server API, User-Interactive Authentication API. A session is bound to what was first asked (method,
 * path, user, and the fields that matter for security); completed stages survive a retry and never serve another
 * request. Sessions expire and are bounded (UIA_SESSIONS). Inside a change. Threads: the engine.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MYELIN_USER_UIA_H
#define MYELIN_USER_UIA_H

#include <myelin/crypto_sign.h>
#include <myelin/store_engine.h>

/* Stages, as bits. */
enum {
    MYL_UIA_DUMMY = 1,
    MYL_UIA_REGISTRATION_TOKEN = 2,
    MYL_UIA_PASSWORD = 4,
    MYL_UIA_TERMS = 8,
    MYL_UIA_RECAPTCHA = 16
};

typedef struct {
    myl_str session_id; /* in the job; absent: there is none */
    unsigned done;      /* stages */
    myl_str note;       /* what a stage left for the end (the registration token); may be absent */
    int64_t expiry_ms;
    myl_sha256 bound; /* hash of the binding */
} myl_uia_session;

/* A new session bound to `binding` (any bytes; only their hash is kept). */
myl_rc myl_uia_begin(myl_ctx *cx, myl_str binding, myl_uia_session *out);
/* An unknown or expired session gives session_id absent. */
myl_rc myl_uia_find(myl_ctx *cx, myl_str session_id, myl_uia_session *out);
/* Was it begun by such a request? */
bool myl_uia_is_bound(const myl_uia_session *session, myl_str binding);
/* Keeps stages and note. */
myl_rc myl_uia_keep(myl_ctx *cx, const myl_uia_session *session);
/* The request went through: the session ends. */
myl_rc myl_uia_end(myl_ctx *cx, const myl_uia_session *session);

#endif
