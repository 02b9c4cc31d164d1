/* sliding.c: an answer of sliding sync, from a connection's memory and what changed since.
 *
 * Spec:    MSC4186.
 * Callers: api/client/sliding_sync.c. Threads: a read worker.
 * Holds:   "pos" is the sync token of the answer, the connection's number and the answer's sequence; only the newest answer's
 *          and the one before are known.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sync/sliding_own.h"

/* ---- positions ---- */

typedef struct {
    myl_sync_token token;
    uint64_t connection, sequence;
} position;

static myl_str write_position(myl_ctx *cx, const myl_sliding_connection *connection)
{
    myl_str token = myl_sync_token_write(cx, connection->after);

    return myl_strf(cx, "%.*s~%llu_%llu", MYL_FMT(token), (unsigned long long)connection->number,
                    (unsigned long long)connection->given);
}

static bool read_position(myl_ctx *cx, myl_str text, position *out)
{
    size_t tilde = myl_str_find(text, '~', 0), bar;
    int64_t connection, sequence;
    myl_str rest;

    if (tilde == SIZE_MAX || !myl_sync_token_is(myl_str_slice(text, 0, tilde)))
        return false;
    rest = myl_str_slice(text, tilde + 1, SIZE_MAX);
    bar = myl_str_find(rest, '_', 0);
    if (bar == SIZE_MAX || !myl_str_to_int(myl_str_slice(rest, 0, bar), &connection) ||
        !myl_str_to_int(myl_str_slice(rest, bar + 1, SIZE_MAX), &sequence) || sequence <= 0)
        return false;
    out->connection = (uint64_t)connection;
    out->sequence = (uint64_t)sequence;
    return myl_sync_token_read(cx, myl_str_slice(text, 0, tilde), "pos", &out->token) == MYL_OK;
}

bool myl_sliding_token_of(myl_ctx *cx, myl_str pos, myl_sync_token *out)
{
    position at;

    if (!read_position(cx, pos, &at))
        return false;
    *out = at.token;
    return true;
}

static myl_rc unknown_position(myl_ctx *cx)
{
    return myl_fail(cx, MYL_UNKNOWN_POS, "pos: not known any more, begin anew");
}

static myl_rc go_on(myl_ctx *cx, const myl_sliding_request *request, myl_sliding_connection *c)
{
    position at;
    uint64_t epoch;

    if (!myl_str_present(request->pos)) {
        myl_sliding_begin(c);
        return MYL_OK;
    }
    MYL_TRY(myl_store_epoch(cx, &epoch));
    if (!read_position(cx, request->pos, &at) || at.connection != c->number ||
        at.token.epoch != epoch)
        return unknown_position(cx);
    if (at.sequence == c->given)
        myl_sliding_acknowledge(c);
    else if (at.sequence != c->acknowledged)
        return unknown_position(cx);
    return MYL_OK;
}

/* ---- which rooms ---- */

static sliding_wanted *wanted_of(myl_sliding *t, const sliding_room *room, myl_map *by_room)
{
    void **slot = myl_map_slot(by_room, (myl_str){(const char *)&room->room, sizeof(room->room)});
    size_t at = (size_t)(uintptr_t)*slot;
    sliding_wanted *wanted;

    if (at != 0)
        return myl_list_at(&t->wanted, at - 1);
    wanted = myl_list_add(&t->wanted);
    *wanted = (sliding_wanted){.room = room,
                               .sent = myl_sliding_sent_of(t->connection, room->room),
                               .sets = MYL_LIST(t->s->cx, myl_required_state),
                               .lists = MYL_LIST(t->s->cx, myl_str)};
    *slot = (void *)(uintptr_t)t->wanted.count;
    return wanted;
}

static void want(sliding_wanted *wanted, const myl_sliding_config *config)
{
    myl_list_push(&wanted->sets, myl_required_state, config->state);
    if (config->timeline_limit > wanted->timeline_limit)
        wanted->timeline_limit = config->timeline_limit;
}

static myl_rc want_list(myl_sliding *t, const myl_sliding_list *list, myl_map *by_room)
{
    sliding_window window;

    MYL_TRY(myl_sliding_look(t->s, t->connection, list, &window));
    myl_write_open_str(t->s->w, list->name, '{');
    myl_write_int(t->s->w, "count", (int64_t)window.total);
    for (size_t i = 0; i < window.count; i++) {
        sliding_wanted *wanted = wanted_of(t, &t->connection->rooms[window.rooms[i]], by_room);

        want(wanted, &list->config);
        myl_list_push(&wanted->lists, myl_str, list->name);
    }
    if (!t->request->merged)
        MYL_TRY(myl_sliding_write_ops(t->s, t->connection, list, &window));
    myl_write_close(t->s->w, '}');
    return MYL_OK;
}

/* A subscription to a room that the user was never in is passed over. */
static myl_rc want_subscription(myl_sliding *t, const myl_sliding_subscription *subscription,
                                myl_map *by_room)
{
    uint64_t number;
    myl_member member;
    const sliding_room *room;
    sliding_wanted *wanted;
    bool listed;

    MYL_TRY(myl_store_interned(t->s->cx, MYL_INTERN_ROOM, subscription->room_id, &number));
    MYL_TRY(myl_room_member(t->s->cx, number, t->request->caller->user, &member));
    if (member.membership == MYL_MEMBER_NONE || member.forgotten)
        return MYL_OK;
    room = myl_sliding_room_of(t->connection, number);
    if (room == NULL) {
        sliding_room *left = myl_new(t->s->cx, sliding_room);

        MYL_TRY(myl_sliding_describe(t->s, t->connection, &member, left, &listed));
        room = left;
    }
    wanted = wanted_of(t, room, by_room);
    wanted->is_subscribed = true;
    want(wanted, &subscription->config);
    return MYL_OK;
}

static myl_rc want_all(myl_sliding *t)
{
    myl_map *by_room = myl_map_start(t->s->cx, 128);

    MYL_TRY(myl_sliding_rooms_update(t->s, t->connection));
    myl_write_open_key(t->s->w, "lists", '{');
    for (size_t i = 0; i < t->request->list_count; i++)
        MYL_TRY(want_list(t, &t->request->lists[i], by_room));
    myl_write_close(t->s->w, '}');
    for (size_t i = 0; i < t->request->subscription_count; i++)
        MYL_TRY(want_subscription(t, &t->request->subscriptions[i], by_room));
    return MYL_OK;
}

/* Only what is asked in a request costs anything: a connection for to-device messages reads no room. */
static bool asks_for_rooms(const myl_sliding_request *request)
{
    return request->list_count > 0 || request->subscription_count > 0;
}

static myl_rc write_rooms(myl_sliding *t)
{
    myl_write_open_key(t->s->w, "rooms", '{');
    for (size_t i = 0; i < t->wanted.count; i++) {
        /* what does not fit comes with the next answer */
        if (t->s->w->text.len > MYL_LIMIT_SLIDING_BYTES)
            break;
        MYL_TRY(myl_sliding_write_room(t, myl_list_at(&t->wanted, i)));
    }
    myl_write_close(t->s->w, '}');
    return MYL_OK;
}

/* ---- the answer ---- */

static myl_rc begin(myl_sliding *t)
{
    const myl_sync_token *before = &t->connection->before;
    myl_syncing *s = t->s;
    myl_changed_rooms changed = {.all = true};

    MYL_TRY(myl_store_position(s->cx, &s->upto));
    s->now_ms = myl_now_ms();
    s->since = before->durable;
    if (before->boot == myl_room_boot_id())
        s->typing_since = before->counter;
    s->quiet = myl_room_volatile_now() <= s->typing_since;
    MYL_TRY(myl_user_ignored(s->cx, t->request->caller->user, &s->ignored));
    if (s->since != 0)
        MYL_TRY(myl_room_changed(s->cx, s->since, MYL_LIMIT_SLIDING_CHANGES, &changed));
    s->changed = changed.rooms;
    s->changed_count = changed.count;
    s->all_changed = changed.all;
    MYL_TRY(myl_sync_begin_recount(s));
    return myl_sliding_direct(s, &t->direct);
}

static myl_rc answer(myl_sliding *t, myl_sync_result *result)
{
    myl_sliding_connection *c = t->connection;
    myl_writer *w = t->s->w;
    bool extended;

    MYL_TRY(begin(t));
    MYL_TRY(myl_store_epoch(t->s->cx, &result->next.epoch));
    result->next.durable = t->s->upto;
    result->next.boot = myl_room_boot_id();
    result->next.counter = myl_room_volatile_now();
    myl_write_open(w, '{');
    t->wanted = MYL_LIST(t->s->cx, sliding_wanted);
    if (asks_for_rooms(t->request))
        MYL_TRY(want_all(t));
    MYL_TRY(write_rooms(t));
    MYL_TRY(myl_sliding_write_extensions(t, &extended));
    result->empty = !t->s->something && !extended && t->s->since != 0;
    result->only_devices = !asks_for_rooms(t->request);
    result->follows_rooms = !result->only_devices || t->request->extensions.e2ee;
    if (result->empty && t->request->may_wait)
        return MYL_OK;
    c->given = (c->given > c->acknowledged ? c->given : c->acknowledged) + 1;
    c->after = result->next;
    myl_sliding_set_pending(c, &t->pending, &t->members);
    myl_write_str(w, "pos", write_position(t->s->cx, c));
    myl_write_str(w, "txn_id", t->request->txn_id);
    myl_write_close(w, '}');
    return MYL_OK;
}

myl_rc myl_sliding_write(myl_ctx *cx, const myl_sliding_request *request, myl_writer *w,
                         myl_sync_result *result)
{
    sliding_name name = {request->caller->user, request->caller->device, request->conn_id};
    myl_sync_request inner = {.caller = request->caller};
    myl_filter *filter = myl_new(cx, myl_filter);
    myl_syncing s = {.cx = cx,
                     .request = &inner,
                     .w = w,
                     .sight = {.user = request->caller->user},
                     .push = {.caller = request->caller}};
    myl_sliding t = {.s = &s,
                     .request = request,
                     .filter = filter,
                     .pending = MYL_LIST(cx, sliding_sent),
                     .members = MYL_LIST(cx, uint64_t)};
    myl_rc rc;

    MYL_TRY(myl_filter_decode(cx, NULL, filter));
    inner.filter = filter;
    t.connection = myl_sliding_take(&name);
    rc = go_on(cx, request, t.connection);
    if (rc == MYL_OK)
        rc = answer(&t, result);
    myl_sliding_give_back(t.connection);
    return rc;
}
