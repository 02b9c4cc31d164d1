/* endpoints.c: the rows of endpoints.def as the array that the router, the docs and the tests read.
 *
 * Why:     each handler takes its own decoded body; a thunk a row gives them one type.
 * Callers: main.c.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <myelin/api_endpoints.h>

#include <myelin/base_limit.h>

#include "api/client/client_own.h"

static const myl_config *config;

void myl_api_start(const myl_config *given)
{
    config = given;
    myl_client_backup_start();
    myl_client_to_device_start();
    myl_client_presence_start();
}

const myl_config *myl_api_config(void)
{
    return config;
}

#define ENDPOINT(method, path, auth, rate, run, body, limit, handler)                              \
    static myl_rc call_##handler(myl_req *req, const void *in)                                     \
    {                                                                                              \
        if (req->cx.policy != NULL && myl_api_policy_refused(req))                                 \
            return MYL_OK;                                                                         \
        return myl_api_policy_answer(req, myl_##handler(req, in));                                 \
    }
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

#define ROW(apis_, method_, path_, auth_, rate_, run_, body_, limit_, handler_)                    \
    {.method = MYL_##method_,                                                                      \
     .path = path_,                                                                                \
     .apis = (apis_),                                                                              \
     .auth = MYL_AUTH_##auth_,                                                                     \
     .rate = MYL_RATE_##rate_,                                                                     \
     .run = MYL_RUN_##run_,                                                                        \
     .body = &myl_form_##body_,                                                                    \
     .body_limit = MYL_LIMIT_BODY_##limit_,                                                        \
     .handler = call_##handler_,                                                                   \
     .name = #handler_},
#define ENDPOINT(...) ROW(MYL_API_CLIENT, __VA_ARGS__)
#define ADMIN(...) ROW(MYL_API_ADMIN, __VA_ARGS__)
#define METRICS(...) ROW(MYL_API_METRICS, __VA_ARGS__)
#define DISCOVERY(...) ROW(MYL_API_CLIENT | MYL_API_FEDERATION, __VA_ARGS__)
#define FEDERATION(...) ROW(MYL_API_FEDERATION, __VA_ARGS__)
#define FEDERATION_ALIAS FEDERATION
#define OPERATION(...)                                                                             \
    ROW(MYL_API_CLIENT | MYL_API_FEDERATION | MYL_API_ADMIN | MYL_API_METRICS, __VA_ARGS__)
#define ALIAS ENDPOINT

static myl_endpoint endpoints[] = {
#include "api/endpoints.def"
};

static const struct {
    const char *handler;
    bool locked_may, suspended_may_not;
} standings[] = {
#define LOCKED_MAY(handler) {#handler, true, false},
#define SUSPENDED_MAY_NOT(handler) {#handler, false, true},
#include "api/standing.def"
#undef SUSPENDED_MAY_NOT
#undef LOCKED_MAY
};

static void set_standing(myl_endpoint *endpoint)
{
    for (size_t i = 0; i < sizeof(standings) / sizeof(standings[0]); i++) {
        if (strcmp(standings[i].handler, endpoint->name) != 0)
            continue;
        endpoint->while_locked = endpoint->while_locked || standings[i].locked_may;
        endpoint->not_suspended = endpoint->not_suspended || standings[i].suspended_may_not;
    }
}

/* Called once, before the threads start. */
const myl_endpoint *myl_api_endpoints(size_t *count)
{
    *count = sizeof(endpoints) / sizeof(endpoints[0]);
    for (size_t i = 0; i < *count; i++)
        set_standing(&endpoints[i]);
    return endpoints;
}
