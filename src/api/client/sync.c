/* sync.c: GET /sync: read what changed, or wait for it.
 *
 * Spec:    Client-Server API, Syncing.
 * Threads: a read worker; while it waits it costs no thread.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "api/client/client_own.h"

#include <myelin/base_clock.h>
#include <myelin/room_share.h>
#include <myelin/sync_build.h>

static myl_rc read_filter(myl_req *req, myl_filter *out)
{
    myl_str given = myl_req_query(req, "filter");
    const myl_json *json = NULL;

    if (given.len > 0 && given.at[0] == '{') {
        MYL_TRY(myl_filter_parse(&req->cx, given, &json));
    } else if (given.len > 0) {
        MYL_TRY(myl_user_filter_get(&req->cx, req->caller.user, given, &json));
        if (json == NULL)
            return myl_fail(&req->cx, MYL_INVALID_PARAM, "filter: no such filter");
    }
    return myl_filter_decode(&req->cx, json, out);
}

/* Stable, and the name from before that, which clients still send; the answer uses the name that was asked. */
static myl_rc read_state_after(myl_req *req, myl_sync_request *out)
{
    MYL_TRY(myl_req_query_bool(req, "use_state_after", false, &out->state_after));
    out->state_after_key = "state_after";
    if (out->state_after)
        return MYL_OK;
    out->state_after_key = "org.matrix.msc4222.state_after";
    return myl_req_query_bool(req, "org.matrix.msc4222.use_state_after", false, &out->state_after);
}

static myl_rc read_request(myl_req *req, myl_sync_request *out, myl_filter *filter)
{
    myl_str since = myl_req_query(req, "since");

    *out = (myl_sync_request){.caller = &req->caller,
                              .filter = filter,
                              .presence = myl_api_config()->presence_enabled};
    out->initial = !myl_str_present(since) || since.len == 0;
    if (!out->initial)
        MYL_TRY(myl_sync_token_read(&req->cx, since, "since", &out->since));
    MYL_TRY(myl_req_query_bool(req, "full_state", false, &out->full_state));
    MYL_TRY(read_state_after(req, out));
    return read_filter(req, filter);
}

myl_rc myl_client_park_sync(myl_req *req, const myl_sync_result *result, int64_t timeout)
{
    int64_t since = req->parked_since != 0 ? req->parked_since : myl_tick_ms();
    myl_park parked = {.deadline_tick_ms = since + timeout,
                       .position = result->next.durable,
                       .user = req->caller.user,
                       .of_user = result->follows_rooms,
                       .only_devices = result->only_devices};

    if (parked.of_user && req->rooms_wanted)
        MYL_TRY(myl_room_joined_by(&req->cx, req->caller.user, &parked.rooms, &parked.room_count));
    return myl_req_park(req, &parked);
}

/* The token says that the device has the to-device messages that came with it. */
static myl_rc acknowledge(myl_req *req, const myl_sync_request *request)
{
    uint64_t upto;

    if (request->initial)
        return MYL_OK;
    MYL_TRY(myl_sync_token_to_device(&req->cx, &request->since, &upto));
    return upto == 0 ? MYL_OK : myl_client_acknowledge(req, upto);
}

/* What this device will ask next finds nothing new, unless something comes meanwhile. */
static void foretell(myl_req *req, const myl_sync_result *result, int64_t timeout)
{
    myl_reply_next(req, &(myl_next){.name = MYL_S("since"),
                                    .value = myl_sync_token_write(&req->cx, result->next),
                                    .timeout_ms = timeout,
                                    .park = {.position = result->next.durable,
                                             .user = req->caller.user,
                                             .of_user = result->follows_rooms,
                                             .only_devices = result->only_devices}});
}

/* ---- the answer ---- */

typedef struct {
    myl_filter filter;
    myl_sync_request request;
    myl_sync_result result;
    myl_syncing *syncing;
} answering;

static myl_rc write_page(answering *a, myl_text *out, bool *last)
{
    return myl_sync_write(a->syncing, &(myl_sync_page){MYL_PAGE_BYTES, out, last}, &a->result);
}

static myl_rc next_page(myl_req *req, void *state, myl_text *out, bool *last)
{
    MYL_UNUSED(req);
    return write_page(state, out, last);
}

/* An answer of one page may turn out to hold nothing; then the request waits on. */
static myl_rc answer(myl_req *req, answering *a, int64_t timeout)
{
    bool *last;
    myl_text *page = myl_reply_first_page(req, &last);

    MYL_TRY(write_page(a, page, last));
    if (*last && a->result.empty && a->request.may_wait)
        return myl_client_park_sync(req, &a->result, timeout);
    if (*last && a->result.is_settled && a->request.may_wait)
        foretell(req, &a->result, timeout);
    return myl_reply_pages(req, 200, "application/json", next_page, a);
}

myl_rc myl_client_sync(myl_req *req, const myl_body_none *in)
{
    int64_t timeout, longest = myl_api_config()->sync_max_timeout;
    answering *a = myl_new(&req->cx, answering);

    MYL_UNUSED(in);
    MYL_TRY(myl_req_query_int(req, "timeout", 0, INT64_MAX, 0, &timeout));
    MYL_TRY(read_request(req, &a->request, &a->filter));
    timeout = timeout < longest ? timeout : longest;
    MYL_TRY(myl_client_set_presence(req, myl_req_query(req, "set_presence"), timeout));
    MYL_TRY(acknowledge(req, &a->request));
    a->request.may_wait = timeout > 0 && !a->request.full_state && !req->deadline_over;
    MYL_TRY(myl_sync_begin(&req->cx, &a->request, &a->syncing, &a->result));
    if (a->result.empty)
        return myl_client_park_sync(req, &a->result, timeout);
    return answer(req, a, timeout);
}
