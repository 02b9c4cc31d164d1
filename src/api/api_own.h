/* api_own.h: declarations that only api/ needs: every handler, made from the rows of endpoints.def.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef API_OWN_H
#define API_OWN_H

#include <myelin/body_decoders.h>
#include <myelin/config_file.h>

/* What a handler gets when no body is read. */
typedef void myl_body_none;

const myl_config *myl_api_config(void);

/* policy.c: before a handler runs again: did a policy server refuse its event? Then the reply is set. */
bool myl_api_policy_refused(myl_req *req);
/* A handler's answer; for MYL_UNSIGNED the policy server is asked (MYL_NEED). */
myl_rc myl_api_policy_answer(myl_req *req, myl_rc rc);

#define ENDPOINT(method, path, auth, rate, run, body, limit, handler)                              \
    myl_rc myl_##handler(myl_req *req, const myl_body_##body *in);
#define ADMIN ENDPOINT
#define METRICS ENDPOINT
#define DISCOVERY ENDPOINT
#define FEDERATION ENDPOINT
#define OPERATION ENDPOINT
#define ALIAS(method, path, auth, rate, run, body, limit, handler)
#define FEDERATION_ALIAS(method, path, auth, rate, run, body, limit, handler)
#include "api/endpoints.def"
#undef FEDERATION_ALIAS
#undef ALIAS
#undef OPERATION
#undef FEDERATION
#undef DISCOVERY
#undef METRICS
#undef ADMIN
#undef ENDPOINT

#endif
