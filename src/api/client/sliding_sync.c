/* sliding_sync.c: sliding sync in its two forms, decoded into one request.
 *
 * Why:     the form in use has its position in the query, ranges and pairs; the merged one has all in the body. Which of them a
 *          request is shows its shape, as a client may send the merged form to the old path.
 * Spec:    MSC4186.
 * Threads: a read worker; while it waits it costs no thread.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "api/client/client_own.h"

#include <myelin/base_list.h>
#include <myelin/sync_sliding.h>

static bool is_given(const myl_json *value)
{
    return value != NULL && value->kind != MYL_JSON_NULL;
}

static bool map_has(const myl_json *map, const char *key)
{
    for (uint32_t i = 0; map != NULL && i < map->count; i++)
        if (is_given(myl_json_get(&map->items[i], myl_str_of(key))))
            return true;
    return false;
}

static bool has_required_objects(const myl_json *map)
{
    for (uint32_t i = 0; map != NULL && i < map->count; i++)
        if (myl_json_object(&map->items[i], MYL_S("required_state")) != NULL)
            return true;
    return false;
}

static bool is_merged(const myl_req *req, const myl_body_sliding_sync *in)
{
    return myl_str_ends(myl_str_of(req->endpoint->path), MYL_S("/v4/sync")) ||
           myl_str_present(in->pos) || in->has_timeout || map_has(in->lists, "range") ||
           has_required_objects(in->lists) || has_required_objects(in->room_subscriptions);
}

/* ---- what both forms have in the same way ---- */

static void read_scope(const myl_part_sliding_scope *in, myl_sliding_scope *out)
{
    static const myl_str all = MYL_S_INIT("*");

    *out = (myl_sliding_scope){.enabled = in != NULL && in->enabled};
    if (!out->enabled)
        return;
    out->lists = in->lists;
    out->list_count = in->lists_count;
    out->rooms = in->rooms;
    out->room_count = in->rooms_count;
    out->all_lists = in->lists == NULL;
    out->all_rooms = in->rooms == NULL;
    for (size_t i = 0; i < in->lists_count; i++)
        out->all_lists |= myl_str_equal(in->lists[i], all);
    for (size_t i = 0; i < in->rooms_count; i++)
        out->all_rooms |= myl_str_equal(in->rooms[i], all);
}

/* By the proposal's name, or by the one that clients use until it is accepted. */
static void read_threads(const myl_body_sliding_sync *in, myl_sliding_extensions *out)
{
    const myl_part_sliding_threads *threads = in->extensions->thread_subscriptions;

    out->threads = "thread_subscriptions";
    if (threads == NULL || !threads->enabled) {
        threads = in->extensions->msc4308_threads;
        out->threads = "io.element.msc4308.thread_subscriptions";
    }
    if (threads == NULL || !threads->enabled) {
        out->threads = NULL;
        return;
    }
    out->threads_limit =
        threads->limit > MYL_LIMIT_THREAD_PAGE ? MYL_LIMIT_THREAD_PAGE : threads->limit;
}

static void read_extensions(const myl_body_sliding_sync *in, myl_sliding_extensions *out)
{
    memset(out, 0, sizeof(*out));
    if (in->extensions == NULL)
        return;
    read_scope(in->extensions->account_data, &out->account_data);
    read_scope(in->extensions->receipts, &out->receipts);
    read_scope(in->extensions->typing, &out->typing);
    read_threads(in, out);
    out->e2ee = in->extensions->e2ee != NULL && in->extensions->e2ee->enabled;
    if (in->extensions->to_device == NULL)
        return;
    out->to_device = in->extensions->to_device->enabled;
    out->to_device_since = in->extensions->to_device->since;
    out->to_device_limit = in->extensions->to_device->limit;
    if (out->to_device_limit > MYL_LIMIT_TO_DEVICE_SYNC)
        out->to_device_limit = MYL_LIMIT_TO_DEVICE_SYNC;
}

static int asked(bool has, bool value)
{
    return has ? value : -1;
}

static uint32_t cap_limit(int64_t limit)
{
    return limit > MYL_LIMIT_SLIDING_TIMELINE ? MYL_LIMIT_SLIDING_TIMELINE : (uint32_t)limit;
}

/* is_invite is the name of the form in use, is_invited that of the merged one. */
static void read_filters(const myl_part_sliding_filters *in, myl_sliding_filters *out)
{
    *out = (myl_sliding_filters){.is_dm = -1, .is_encrypted = -1, .is_invited = -1};
    if (in == NULL)
        return;
    out->is_dm = asked(in->has_is_dm, in->is_dm);
    out->is_encrypted = asked(in->has_is_encrypted, in->is_encrypted);
    out->is_invited = in->has_is_invited ? in->is_invited : asked(in->has_is_invite, in->is_invite);
    out->room_types = in->room_types;
    out->not_room_types = in->not_room_types;
    out->spaces = in->spaces;
    out->space_count = in->spaces_count;
    out->tags = in->tags;
    out->tag_count = in->tags_count;
    out->not_tags = in->not_tags;
    out->not_tag_count = in->not_tags_count;
    out->name_like = in->room_name_like;
}

/* ---- the form in use ---- */

/* ["m.room.member", "$LAZY"], [type, "$ME"], "*" for all. */
static void read_pair(const myl_req *req, const myl_json *pair, myl_list *include,
                      myl_required_state *out)
{
    myl_str type = pair->items[0].text, key = pair->items[1].text;
    myl_state_selector selector = {type, key};

    if (myl_str_equal(key, MYL_S("$LAZY")) && myl_str_equal(type, MYL_S("m.room.member"))) {
        out->lazy_members = true;
        return;
    }
    if (myl_str_equal(type, MYL_S("*")))
        selector.type = MYL_ABSENT;
    if (myl_str_equal(key, MYL_S("*")))
        selector.state_key = MYL_ABSENT;
    else if (myl_str_equal(key, MYL_S("$ME")))
        selector.state_key = req->caller.user_id;
    myl_list_push(include, myl_state_selector, selector);
}

static myl_rc read_pairs(myl_req *req, const myl_json *pairs, myl_required_state *out)
{
    myl_list include = MYL_LIST(&req->cx, myl_state_selector);

    *out = (myl_required_state){.narrowed = true};
    if (pairs->count > MYL_LIMIT_SLIDING_SELECTORS)
        return myl_fail(&req->cx, MYL_INVALID_PARAM, "required_state: more than %d entries",
                        MYL_LIMIT_SLIDING_SELECTORS);
    for (uint32_t i = 0; i < pairs->count; i++)
        read_pair(req, &pairs->items[i], &include, out);
    out->include = include.at;
    out->include_count = include.count;
    return MYL_OK;
}

static myl_rc read_ranges(myl_req *req, const myl_json *ranges, myl_sliding_list *out)
{
    myl_sliding_range *read;

    if (ranges == NULL)
        return MYL_OK;
    if (ranges->count > MYL_LIMIT_SLIDING_LISTS)
        return myl_fail(&req->cx, MYL_INVALID_PARAM, "ranges: more than %d",
                        MYL_LIMIT_SLIDING_LISTS);
    read = myl_new_array(&req->cx, myl_sliding_range, ranges->count + 1);
    for (uint32_t i = 0; i < ranges->count; i++) {
        read[i].from = ranges->items[i].items[0].integer;
        read[i].to = ranges->items[i].items[1].integer;
        if (read[i].from > read[i].to)
            return myl_fail(&req->cx, MYL_INVALID_PARAM, "ranges[%u]: ends before it begins", i);
    }
    out->ranges = read;
    out->range_count = ranges->count;
    return MYL_OK;
}

static myl_rc read_list(myl_req *req, const myl_json *json, myl_sliding_list *out)
{
    myl_body_sliding_list in = {0};

    MYL_TRY(myl_decode_sliding_list(&req->cx, json, &in));
    out->config.timeline_limit = cap_limit(in.timeline_limit);
    read_filters(in.filters, &out->filters);
    MYL_TRY(read_ranges(req, in.ranges, out));
    if (in.slow_get_all_rooms) {
        out->ranges = NULL;
        out->range_count = 0;
    }
    return read_pairs(req, in.required_state, &out->config.state);
}

static myl_rc read_subscription(myl_req *req, const myl_json *json, myl_sliding_config *out)
{
    myl_body_sliding_subscription in = {0};

    MYL_TRY(myl_decode_sliding_subscription(&req->cx, json, &in));
    out->timeline_limit = cap_limit(in.timeline_limit);
    return read_pairs(req, in.required_state, &out->state);
}

/* ---- the merged form ---- */

/* `in`: an array of the decoded parts. */
static const myl_state_selector *read_selectors(myl_req *req, const myl_part_sliding_selector *in,
                                                size_t count)
{
    myl_state_selector *out = myl_new_array(&req->cx, myl_state_selector, count + 1);

    for (size_t i = 0; i < count; i++)
        out[i] = (myl_state_selector){in[i].type, in[i].state_key};
    return out;
}

static myl_rc read_required(myl_req *req, const myl_part_sliding_required *in,
                            myl_required_state *out)
{
    if (in->include_count + in->exclude_count > MYL_LIMIT_SLIDING_SELECTORS)
        return myl_fail(&req->cx, MYL_INVALID_PARAM, "required_state: more than %d entries",
                        MYL_LIMIT_SLIDING_SELECTORS);
    *out = (myl_required_state){.include = read_selectors(req, in->include, in->include_count),
                                .include_count = in->include_count,
                                .exclude = read_selectors(req, in->exclude, in->exclude_count),
                                .exclude_count = in->exclude_count,
                                .lazy_members = in->lazy_members};
    return MYL_OK;
}

static myl_rc read_merged_list(myl_req *req, const myl_json *json, myl_sliding_list *out)
{
    myl_body_sliding_list_merged in = {0};
    myl_sliding_range *range = myl_new(&req->cx, myl_sliding_range);

    MYL_TRY(myl_decode_sliding_list_merged(&req->cx, json, &in));
    out->config.timeline_limit = cap_limit(in.timeline_limit);
    read_filters(in.filters, &out->filters);
    if (in.range != NULL) {
        *range = (myl_sliding_range){in.range[0], in.range[1]};
        if (range->from > range->to)
            return myl_fail(&req->cx, MYL_INVALID_PARAM, "range: ends before it begins");
        out->ranges = range;
        out->range_count = 1;
    }
    return read_required(req, in.required_state, &out->config.state);
}

static myl_rc read_merged_subscription(myl_req *req, const myl_json *json, myl_sliding_config *out)
{
    myl_body_sliding_subscription_merged in = {0};

    MYL_TRY(myl_decode_sliding_subscription_merged(&req->cx, json, &in));
    out->timeline_limit = cap_limit(in.timeline_limit);
    return read_required(req, in.required_state, &out->state);
}

/* ---- the request ---- */

/* A refusal of a member of a map names the place whole. */
static myl_rc in_place(myl_req *req, myl_rc rc, const char *map, myl_str key)
{
    myl_str why = req->cx.error.detail;

    if (rc == MYL_OK)
        return MYL_OK;
    myl_forgive(&req->cx);
    return myl_fail(&req->cx, rc, "%s.%.*s.%.*s", map,
                    MYL_FMT(myl_str_slice(key, 0, MYL_LIMIT_ID_BYTES)), MYL_FMT(why));
}

static myl_rc read_lists(myl_req *req, const myl_json *map, myl_sliding_request *out)
{
    myl_sliding_list *lists = myl_new_array(&req->cx, myl_sliding_list, MYL_LIMIT_SLIDING_LISTS);

    out->lists = lists;
    for (uint32_t i = 0; map != NULL && i < map->count; i++) {
        lists[i].name = map->items[i].key;
        if (out->merged && !myl_id_is_opaque(lists[i].name))
            return myl_fail(&req->cx, MYL_INVALID_PARAM,
                            "lists: a name may have up to 255 letters, digits and -._~");
        MYL_TRY(
            in_place(req,
                     (out->merged ? read_merged_list : read_list)(req, &map->items[i], &lists[i]),
                     "lists", lists[i].name));
    }
    out->list_count = map == NULL ? 0 : map->count;
    return MYL_OK;
}

static myl_rc read_subscriptions(myl_req *req, const myl_json *map, myl_sliding_request *out)
{
    myl_sliding_subscription *rooms =
        myl_new_array(&req->cx, myl_sliding_subscription, MYL_LIMIT_SLIDING_SUBSCRIPTIONS);

    out->subscriptions = rooms;
    for (uint32_t i = 0; map != NULL && i < map->count; i++) {
        rooms[i].room_id = map->items[i].key;
        MYL_TRY(in_place(req,
                         (out->merged ? read_merged_subscription
                                      : read_subscription)(req, &map->items[i], &rooms[i].config),
                         "room_subscriptions", rooms[i].room_id));
    }
    out->subscription_count = map == NULL ? 0 : map->count;
    return MYL_OK;
}

static myl_rc read_times(myl_req *req, const myl_body_sliding_sync *in, myl_sliding_request *out,
                         int64_t *timeout)
{
    int64_t longest = myl_api_config()->sync_max_timeout;

    if (out->merged) {
        out->pos = in->pos;
        *timeout = in->has_timeout && myl_str_present(in->pos) ? in->timeout : 0;
        if (*timeout > longest)
            *timeout = longest;
        return myl_client_set_presence(req, in->set_presence, *timeout);
    }
    out->pos = myl_req_query(req, "pos");
    if (out->pos.len == 0)
        out->pos = MYL_ABSENT;
    MYL_TRY(myl_req_query_int(req, "timeout", 0, INT64_MAX, 0, timeout));
    if (*timeout > longest)
        *timeout = longest;
    return myl_client_set_presence(req, myl_req_query(req, "set_presence"), *timeout);
}

/* The extension's token says that the device has the messages before it. */
static myl_rc acknowledge(myl_req *req, const myl_sliding_extensions *extensions)
{
    myl_str since = extensions->to_device_since;
    uint64_t upto;

    if (!extensions->to_device || since.len == 0)
        return MYL_OK;
    MYL_TRY(myl_to_device_token_read(&req->cx, since, "extensions.to_device.since", &upto));
    return upto == 0 ? MYL_OK : myl_client_acknowledge(req, upto);
}

myl_rc myl_client_sliding_sync(myl_req *req, const myl_body_sliding_sync *in)
{
    int64_t timeout;
    myl_writer w = myl_write_start(&req->cx, 4096);
    myl_sliding_request request = {.caller = &req->caller,
                                   .merged = is_merged(req, in),
                                   .conn_id = in->conn_id,
                                   .txn_id = in->txn_id};
    myl_sync_result result = {0};

    MYL_TRY(read_times(req, in, &request, &timeout));
    MYL_TRY(read_lists(req, in->lists, &request));
    MYL_TRY(read_subscriptions(req, in->room_subscriptions, &request));
    read_extensions(in, &request.extensions);
    MYL_TRY(acknowledge(req, &request.extensions));
    request.may_wait = timeout > 0 && !req->deadline_over;
    MYL_TRY(myl_sliding_write(&req->cx, &request, &w, &result));
    if (result.empty && request.may_wait)
        return myl_client_park_sync(req, &result, timeout);
    return myl_reply_json(req, 200, myl_write_done(&w));
}
