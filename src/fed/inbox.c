/* inbox.c: events that other servers send: taken in at once, or kept until what they stand on has been fetched.
 *
 * Why:     a transaction must be answered soon and its events must not be lost; one room with holes must not hold up others.
 * Callers: PUT /send; the daemon at start.
 * Threads: lanes. Rooms with kept events have one worker each on the lane MISSING, which does one event and queues up again,
 *          so that rooms take turns. One lock for the list of workers.
 * Holds:   a kept event leaves FED_INBOX only when it is admitted or given up; while nobody who could help is to be reached, it
 *          is put off, INBOX_TRIES times.
 * Spec:    Server-Server API, Transactions; Checks performed on receipt of a PDU.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <myelin/fed_policy.h>
#include <myelin/room_admit.h>

#include "fed/rooms_own.h"

#include <pthread.h>

enum { LOOK_MS = 15000 };

/* ---- kept events ---- */

typedef struct {
    myl_str room_id, origin, text;
    const myl_room_version *version;
    uint64_t room, arrival; /* 0: there is none */
    uint32_t tries;
    int64_t due_ms; /* wall clock; 0: at once */
} kept;

static myl_rc put_kept(myl_ctx *cx, const kept *k)
{
    myl_key key = myl_key_of_u64s(k->room, k->arrival);
    myl_text row = myl_text_start(cx, k->text.len + 64);

    myl_row_str(&row, k->origin);
    myl_row_u32(&row, k->tries);
    myl_row_u64(&row, (uint64_t)k->due_ms);
    myl_text_add(&row, k->text);
    return myl_store_put(cx, MYL_TABLE_FED_INBOX, myl_key_str(&key), myl_text_str(&row));
}

static bool cut_row(myl_str key, myl_str row, kept *out)
{
    uint64_t due;

    if (!myl_cut_u64(&key, &out->room) || !myl_cut_u64(&key, &out->arrival) ||
        !myl_cut_str(&row, &out->origin) || !myl_cut_u32(&row, &out->tries) ||
        !myl_cut_u64(&row, &due))
        return false;
    out->due_ms = (int64_t)due;
    out->text = row;
    return true;
}

static myl_rc cut_kept(myl_ctx *cx, myl_str key, myl_str row, kept *out)
{
    return cut_row(key, row, out) ? MYL_OK : myl_fail(cx, MYL_CORRUPT, "FED_INBOX: bad row");
}

static myl_rc keep_event(myl_ctx *cx, uint64_t room, myl_str origin, myl_str text, bool *full)
{
    kept made = {.room = room, .origin = origin, .text = text};
    myl_key prefix = myl_key_of_u64(room);
    size_t count = 0;
    myl_scan *scan;
    myl_str found, value;

    MYL_TRY(myl_scan_start(cx, MYL_TABLE_FED_INBOX, myl_key_str(&prefix), MYL_ABSENT, MYL_FORWARD,
                           &scan));
    for (; count < MYL_LIMIT_INBOX_EVENTS; count++) {
        MYL_TRY(myl_scan_next(scan, &found, &value));
        if (!myl_str_present(found))
            break;
    }
    myl_scan_end(scan);
    *full = count == MYL_LIMIT_INBOX_EVENTS;
    if (*full)
        return MYL_OK;
    made.arrival = myl_engine_next_position(cx);
    return put_kept(cx, &made);
}

/* The first that is due. */
static myl_rc read_first(myl_ctx *cx, void *arg)
{
    kept *k = arg;
    int64_t now = myl_now_ms();
    myl_room_head head;
    myl_key prefix;
    myl_scan *scan;
    myl_str key, row;

    k->arrival = 0;
    MYL_TRY(myl_room_head_get(cx, k->room_id, &head));
    if (head.room == 0)
        return MYL_OK;
    k->room = head.room;
    k->version = head.version;
    prefix = myl_key_of_u64(head.room);
    MYL_TRY(myl_scan_start(cx, MYL_TABLE_FED_INBOX, myl_key_str(&prefix), MYL_ABSENT, MYL_FORWARD,
                           &scan));
    for (;;) {
        MYL_TRY(myl_scan_next(scan, &key, &row));
        if (!myl_str_present(key))
            break;
        MYL_TRY(cut_kept(cx, key, row, k));
        if (k->due_ms <= now)
            break;
        k->arrival = 0;
    }
    if (k->arrival != 0) {
        k->origin = myl_keep(cx, k->origin);
        k->text = myl_keep(cx, k->text);
    }
    myl_scan_end(scan);
    return MYL_OK;
}

static myl_rc drop_kept(myl_ctx *cx, void *arg)
{
    const kept *k = arg;
    myl_key key = myl_key_of_u64s(k->room, k->arrival);

    return myl_store_delete(cx, MYL_TABLE_FED_INBOX, myl_key_str(&key));
}

/* Nobody who could help was to be reached: it waits for another time, and holds up nothing behind it. */
static myl_rc put_off(myl_ctx *cx, void *arg)
{
    kept *k = arg;
    myl_key key = myl_key_of_u64s(k->room, k->arrival);
    myl_str row;

    MYL_TRY(myl_store_get(cx, MYL_TABLE_FED_INBOX, myl_key_str(&key), &row));
    if (!myl_str_present(row)) /* the room was deleted meanwhile */
        return MYL_OK;
    myl_log(cx, MYL_LOG_INFO, "fed.inbox",
            "an event waits: nobody could be asked for what it stands on",
            MYL_LOG_STR("room", k->room_id), MYL_LOG_STR("origin", k->origin));
    k->due_ms = myl_fed_next_try(k->tries);
    k->tries++;
    return put_kept(cx, k);
}

/* ---- workers ---- */

typedef struct worker {
    myl_job job; /* first member */
    struct worker *next;
    myl_str room_id; /* process */
    bool again;      /* something came while it was looking */
    bool slow;       /* states are to be resolved: what comes waits behind */
} worker;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* FED_INBOX */
static worker *workers;

static void end_worker(worker *self)
{
    worker **at = &workers;

    while (*at != self)
        at = &(*at)->next;
    *at = self->next;
    myl_process_free((void *)self->room_id.at);
    myl_process_free(self);
}

/* One kept event. *more: there was one. */
static myl_rc work(myl_ctx *cx, myl_str room_id, bool *more)
{
    kept first = {.room_id = room_id};
    fed_waiting waiting;
    bool again = false;
    myl_rc rc;

    MYL_TRY(myl_fed_read(cx, read_first, &first));
    *more = first.arrival != 0;
    if (!*more)
        return MYL_OK;
    waiting = (fed_waiting){.room = {.room_id = room_id, .version = first.version},
                            .origin = first.origin,
                            .text = first.text};
    myl_fed_turn_take(room_id);
    rc = myl_fed_bring_in(cx, &waiting, &again);
    myl_fed_turn_give(room_id);
    if (rc != MYL_OK && myl_error_of(rc)->kind != MYL_KIND_CLIENT)
        return rc;
    if (rc != MYL_OK)
        myl_log_failure(cx, "fed.inbox");
    myl_forgive(cx);
    again &= first.tries < MYL_LIMIT_INBOX_TRIES;
    return myl_fed_change(cx, "fed.inbox", again ? put_off : drop_kept, &first);
}

static void run_worker(myl_job *job)
{
    worker *self = (worker *)job;
    bool more = false;
    myl_ctx cx;
    myl_rc rc;

    myl_ctx_begin(&cx);
    rc = myl_lanes_stopping() ? MYL_STOPPING : work(&cx, self->room_id, &more);
    if (rc != MYL_OK && rc != MYL_STOPPING)
        myl_log_failure(&cx, "fed.inbox");
    myl_ctx_end(&cx);
    pthread_mutex_lock(&lock);
    more |= self->again;
    self->again = false;
    if (rc != MYL_OK || !more)
        end_worker(self);
    pthread_mutex_unlock(&lock);
    if (rc != MYL_OK || !more || myl_lane_submit(MYL_LANE_MISSING, &self->job) == MYL_OK)
        return;
    /* the lane is full: the next event of the room wakes it again */
    pthread_mutex_lock(&lock);
    end_worker(self);
    pthread_mutex_unlock(&lock);
}

/* With the lock. */
static worker *find_worker(myl_str room_id)
{
    worker *self = workers;

    while (self != NULL && !myl_str_equal(self->room_id, room_id))
        self = self->next;
    return self;
}

static bool is_slow(myl_str room_id)
{
    const worker *self;
    bool slow;

    pthread_mutex_lock(&lock);
    self = find_worker(room_id);
    slow = self != NULL && self->slow;
    pthread_mutex_unlock(&lock);
    return slow;
}

static void wake_worker(myl_str room_id, bool slow)
{
    worker *self;

    pthread_mutex_lock(&lock);
    self = find_worker(room_id);
    if (self != NULL) {
        self->again = true;
        self->slow |= slow;
        pthread_mutex_unlock(&lock);
        return;
    }
    self = myl_process_alloc(sizeof(*self));
    self->job.run = run_worker;
    self->slow = slow;
    self->room_id = myl_process_keep(room_id);
    self->next = workers;
    workers = self;
    pthread_mutex_unlock(&lock);
    if (myl_lane_submit(MYL_LANE_MISSING, &self->job) == MYL_OK)
        return;
    pthread_mutex_lock(&lock);
    end_worker(self);
    pthread_mutex_unlock(&lock);
}

/* ---- what was left, and what was put off ---- */

/* The next room with a kept event that is due, and its first such event's wait is over. */
static myl_rc next_room(myl_ctx *cx, uint64_t after, uint64_t *room)
{
    myl_key from = myl_key_of_u64(after + 1);
    int64_t now = myl_now_ms();
    kept k = {.due_ms = INT64_MAX};
    myl_scan *scan;
    myl_str key, row;

    *room = 0;
    MYL_TRY(myl_scan_start(cx, MYL_TABLE_FED_INBOX, MYL_ABSENT, myl_key_str(&from), MYL_FORWARD,
                           &scan));
    while (k.due_ms > now) {
        MYL_TRY(myl_scan_next(scan, &key, &row));
        if (!myl_str_present(key))
            break;
        MYL_TRY(cut_kept(cx, key, row, &k));
    }
    myl_scan_end(scan);
    *room = k.due_ms <= now ? k.room : 0;
    return MYL_OK;
}

static void wake(void *arg)
{
    wake_worker(*(const myl_str *)arg, false);
}

static myl_rc look_round(myl_ctx *cx)
{
    uint64_t room = 0;

    for (;;) {
        myl_str *room_id = myl_new(cx, myl_str);

        MYL_TRY(next_room(cx, room, &room));
        if (room == 0)
            return MYL_OK;
        MYL_TRY(myl_store_text_of(cx, MYL_INTERN_ROOM, room, room_id));
        *room_id = myl_keep(cx, *room_id);
        myl_engine_after_commit(cx, wake, room_id);
    }
}

static const myl_round looking = {"fed.inbox", LOOK_MS, look_round};

void myl_fed_inbox_start(void)
{
    myl_rounds_register(&looking);
}

/* ---- a delivery ---- */

/* The PDUs of one room. */
typedef struct {
    myl_str room_id;
    myl_room_head head;
    bool here, allowed;
    bool outside; /* we are not in it, but have heard of it */
    bool keeps;   /* something was kept */
    bool slow;    /* and what comes behind it waits too, from here: */
    size_t slow_from;
} group;

typedef struct {
    group *group;
    const myl_json *json;
    myl_incoming incoming;
    bool readable, good;
} parcel;

typedef struct {
    myl_fed_delivery *delivery;
    myl_list groups;  /* group* */
    parcel *parcels;  /* one a PDU */
    group *admitting; /* for the change under way */
    size_t next;      /* the first PDU that it has not looked at */
    size_t at;        /* the one that it looked at last */
} taking;

static group *group_of(myl_ctx *cx, taking *t, myl_str room_id)
{
    group *made;

    for (size_t i = 0; i < t->groups.count; i++) {
        group *one = myl_list_get(&t->groups, group *, i);

        if (myl_str_equal(one->room_id, room_id))
            return one;
    }
    made = myl_new(cx, group);
    made->room_id = room_id;
    myl_list_push(&t->groups, group *, made);
    return made;
}

static void find_groups(myl_ctx *cx, taking *t)
{
    for (uint32_t i = 0; i < t->delivery->pdus->count; i++) {
        const myl_json *json = &t->delivery->pdus->items[i];
        myl_str room_id = myl_json_text(json, MYL_S("room_id"));

        t->parcels[i].json = json;
        if (myl_id_is_room(room_id))
            t->parcels[i].group = group_of(cx, t, room_id);
        else
            t->delivery->errors[i] = "room_id: missing";
    }
}

static myl_rc read_rooms(myl_ctx *cx, void *arg)
{
    taking *t = arg;

    for (size_t i = 0; i < t->groups.count; i++) {
        group *one = myl_list_get(&t->groups, group *, i);

        MYL_TRY(myl_room_head_get(cx, one->room_id, &one->head));
        MYL_TRY(myl_room_is_here(cx, &one->head, &one->here));
        one->outside = !one->here && one->head.room != 0;
        if (one->here)
            MYL_TRY(myl_room_acl_allows(cx, one->head.state, t->delivery->origin, &one->allowed));
    }
    return MYL_OK;
}

/* The end of an invite or a knock of a user of ours is told to us too, although we are not in the room. */
static bool is_end(const parcel *p)
{
    const myl_json *content = myl_json_object(p->json, MYL_S("content"));
    myl_str membership = myl_json_text(content, MYL_S("membership"));

    return p->group->outside &&
           myl_str_equal(myl_json_text(p->json, MYL_S("type")), MYL_S("m.room.member")) &&
           (myl_str_equal(membership, MYL_S("leave")) || myl_str_equal(membership, MYL_S("ban")));
}

static const char *read_parcel(myl_ctx *cx, parcel *p)
{
    if (!p->group->here && !is_end(p))
        return "this server is not in the room";
    if (myl_incoming_read(cx, p->group->head.version, p->json, &p->incoming) != MYL_OK) {
        const char *why = myl_cstr(cx, cx->error.detail);

        myl_forgive(cx);
        return why;
    }
    if (p->group->here && !p->group->allowed)
        return "the room's server ACL shuts you out";
    p->readable = true;
    return NULL;
}

static myl_rc check_parcels(myl_ctx *cx, taking *t)
{
    size_t count = t->delivery->pdus->count, readable = 0;
    const myl_event **events = myl_new_array(cx, const myl_event *, count + 1);
    bool *good = myl_new_array(cx, bool, count + 1);

    for (size_t i = 0; i < count; i++) {
        parcel *p = &t->parcels[i];

        if (t->delivery->errors[i] == NULL)
            t->delivery->errors[i] = read_parcel(cx, p);
        t->delivery->event_ids[i] = p->incoming.event.event_id;
        if (!p->readable)
            continue;
        events[readable++] = &p->incoming.event;
    }
    MYL_TRY(myl_fed_verify_events(cx, events, readable, good));
    readable = 0;
    for (size_t i = 0; i < count; i++) {
        if (!t->parcels[i].readable)
            continue;
        t->parcels[i].good = good[readable++];
        if (!t->parcels[i].good)
            t->delivery->errors[i] = "the signatures do not hold";
    }
    return MYL_OK;
}

/* What a room's policy server has not signed is handed to it. */
static myl_rc check_policy(myl_ctx *cx, taking *t, const group *of)
{
    size_t count = t->delivery->pdus->count, found = 0;
    myl_incoming **events = myl_new_array(cx, myl_incoming *, count + 1);

    for (size_t i = 0; i < count; i++)
        if (t->parcels[i].group == of && t->parcels[i].good)
            events[found++] = &t->parcels[i].incoming;
    return myl_fed_policy_check(cx, of->room_id, events, found);
}

static myl_rc keep_parcel(myl_ctx *cx, taking *t, size_t i)
{
    const parcel *p = &t->parcels[i];
    bool full;

    MYL_TRY(keep_event(cx, p->group->head.room, t->delivery->origin, p->incoming.bytes, &full));
    p->group->keeps = true;
    if (full)
        t->delivery->errors[i] = "too many events of this room wait for what they stand on";
    return MYL_OK;
}

static myl_rc admit_parcel(myl_ctx *cx, taking *t, size_t i)
{
    parcel *p = &t->parcels[i];
    myl_admission admission = {.incoming = &p->incoming, .coming = MYL_COMES_NEW};
    myl_admitted admitted;

    if (p->group->slow && i >= p->group->slow_from)
        return keep_parcel(cx, t, i);
    t->at = i;
    MYL_TRY(myl_room_admit(cx, &p->group->head, &admission, &admitted));
    if (admitted.kind == MYL_ADMIT_REJECTED)
        t->delivery->errors[i] = admitted.verdict.reason;
    return admitted.kind == MYL_ADMIT_MISSING ? keep_parcel(cx, t, i) : MYL_OK;
}

/* It must come from who invited, or stand on what our user did: more cannot be judged from outside. */
static myl_rc end_outside(myl_ctx *cx, const parcel *p)
{
    const myl_event *event = &p->incoming.event;
    myl_stored told;
    myl_member member;
    uint64_t user;
    myl_str sender;
    bool stands = false;

    MYL_TRY(myl_store_interned(cx, MYL_INTERN_NAME, event->state_key, &user));
    MYL_TRY(myl_room_member(cx, p->group->head.room, user, &member));
    if (member.membership != MYL_MEMBER_INVITE && member.membership != MYL_MEMBER_KNOCK)
        return MYL_OK;
    MYL_TRY(myl_room_event(cx, member.event, &told));
    MYL_TRY(myl_store_text_of(cx, MYL_INTERN_NAME, told.sender, &sender));
    for (size_t i = 0; i < event->auth_event_count; i++)
        stands |= myl_str_equal(event->auth_events[i], told.event_id);
    if ((told.flags & MYL_EVENT_OUTLIER) == 0 ||
        (member.membership == MYL_MEMBER_INVITE ? !myl_str_equal(sender, event->sender) : !stands))
        return MYL_OK;
    return myl_room_outside_put(cx, &(myl_room_outside){.room_id = p->group->room_id,
                                                        .version = p->group->head.version,
                                                        .member = &p->incoming});
}

/* As many as a change may take of the engine's time: each may have states to resolve. */
static myl_rc admit_group(myl_ctx *cx, void *arg)
{
    fed_share share = myl_fed_share_start();
    taking *t = arg;
    size_t i = t->next;

    MYL_TRY(myl_room_head_get(cx, t->admitting->room_id, &t->admitting->head));
    for (; i < t->delivery->pdus->count && !myl_fed_share_is_over(cx, &share); i++)
        if (t->parcels[i].group == t->admitting && t->parcels[i].good)
            MYL_TRY(t->admitting->here ? admit_parcel(cx, t, i) : end_outside(cx, &t->parcels[i]));
    t->next = i;
    return MYL_OK;
}

/* Where states must be resolved first, that event and what comes behind it in its room waits for the room's worker. */
static myl_rc admit_in_shares(myl_ctx *cx, taking *t)
{
    group *of = t->admitting;

    of->slow = is_slow(of->room_id);
    for (t->next = 0; t->next < t->delivery->pdus->count;) {
        myl_rc rc = myl_fed_change(cx, "fed.transaction", admit_group, t);

        if (rc != MYL_UNRESOLVED) {
            MYL_TRY(rc);
            continue;
        }
        myl_forgive(cx);
        of->slow = true;
        of->slow_from = t->at;
    }
    if (of->keeps)
        wake_worker(of->room_id, of->slow);
    return MYL_OK;
}

myl_rc myl_fed_take_pdus(myl_ctx *cx, const myl_fed_delivery *delivery)
{
    myl_fed_delivery copy = *delivery;
    taking t = {.delivery = &copy, .groups = MYL_LIST(cx, group *)};

    myl_room_ahead_start(cx);
    t.parcels = myl_new_array(cx, parcel, delivery->pdus->count + 1);
    find_groups(cx, &t);
    MYL_TRY(myl_fed_read(cx, read_rooms, &t));
    MYL_TRY(check_parcels(cx, &t));
    for (size_t i = 0; i < t.groups.count; i++) {
        t.admitting = myl_list_get(&t.groups, group *, i);
        if (!t.admitting->outside && (!t.admitting->here || !t.admitting->allowed))
            continue;
        if (t.admitting->here)
            MYL_TRY(check_policy(cx, &t, t.admitting));
        MYL_TRY(admit_in_shares(cx, &t));
    }
    return MYL_OK;
}

/* ---- check ---- */

static myl_rc check_waiting(myl_ctx *cx, myl_check *check, myl_str key, myl_str row)
{
    const myl_json *pdu;
    myl_str room_id;
    kept k = {.room = 0};

    if (!cut_row(key, row, &k) || !myl_id_is_server(k.origin) ||
        myl_json_parse(cx, k.text, &pdu) != MYL_OK) {
        myl_forgive(cx);
        myl_check_wrong(check, "FED_INBOX: a row cannot be read");
        return MYL_OK;
    }
    return myl_store_text_of(cx, MYL_INTERN_ROOM, k.room, &room_id);
}

myl_rc myl_fed_check_inbox(myl_ctx *cx, myl_check *check)
{
    return myl_check_walk(cx, check, MYL_TABLE_FED_INBOX, check_waiting);
}
