/* joins.c: joins under way: noted, so that they go on after a crash or a stop; and shown while they last.
 *
 * Why:     from send_join on the other servers count our user as joined, whoever is still waiting here; so what was begun is
 *          stored before, and is done again from its beginning when the server comes back: what is stored already stays.
 * Callers: join.c; the admin API shows the list.
 * Threads: a round on the engine looks for what was left; lanes do it. One lock, that of the list.
 * Memory:  an entry is process memory, from the beginning of a join to its end.
 * Holds:   a note goes in the change that brings our user in, and when a failure has been told to whoever asked.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "fed/rooms_own.h"

#include <pthread.h>

#include <myelin/fed_joins.h>
#include <myelin/user_account.h>

enum {
    LOOK_MS = 15000,
    LOG_MS = 5000,
    RESUMED_AT_ONCE = 4 /* the lane has others' work too */
};

/* ---- the list of those under way ---- */

struct fed_joining {
    struct fed_joining *next;
    myl_str room_id, user_id, server; /* process memory, under the lock */
    int64_t started_ms, logged_ms;
    bool resumed, noted;
    _Atomic myl_joining_stage stage;
    atomic_uint_fast64_t bytes, received, stored;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* FED_JOINS */
static fed_joining *under_way;

static bool is_under_way(myl_str room_id, myl_str user_id)
{
    const fed_joining *one;

    pthread_mutex_lock(&lock);
    one = under_way;
    while (one != NULL &&
           (!myl_str_equal(one->room_id, room_id) || !myl_str_equal(one->user_id, user_id)))
        one = one->next;
    pthread_mutex_unlock(&lock);
    return one != NULL;
}

static size_t resumed_now(void)
{
    size_t count = 0;

    pthread_mutex_lock(&lock);
    for (const fed_joining *one = under_way; one != NULL; one = one->next)
        count += one->resumed;
    pthread_mutex_unlock(&lock);
    return count;
}

fed_joining *myl_fed_joining_begin(const myl_fed_visit *visit, bool resumed)
{
    fed_joining *made = myl_process_alloc(sizeof(*made));

    made->room_id = myl_process_keep(visit->room_id);
    made->user_id = myl_process_keep(visit->user_id);
    made->server = myl_process_keep(MYL_S(""));
    made->resumed = resumed;
    made->started_ms = made->logged_ms = myl_now_ms();
    pthread_mutex_lock(&lock);
    made->next = under_way;
    under_way = made;
    pthread_mutex_unlock(&lock);
    myl_metric_add(MYL_METRIC_JOINS_UNDER_WAY, 1);
    return made;
}

void myl_fed_joining_end(fed_joining *joining)
{
    fed_joining **at = &under_way;

    pthread_mutex_lock(&lock);
    while (*at != joining)
        at = &(*at)->next;
    *at = joining->next;
    pthread_mutex_unlock(&lock);
    myl_metric_add(MYL_METRIC_JOINS_UNDER_WAY, -1);
    myl_process_free((void *)joining->room_id.at);
    myl_process_free((void *)joining->user_id.at);
    myl_process_free((void *)joining->server.at);
    myl_process_free(joining);
}

void myl_fed_joining_at(fed_joining *joining, myl_str server)
{
    myl_str kept = myl_process_keep(server), before;

    pthread_mutex_lock(&lock);
    before = joining->server;
    joining->server = kept;
    pthread_mutex_unlock(&lock);
    myl_process_free((void *)before.at);
    atomic_store(&joining->stage, MYL_JOINING_ASKING);
    atomic_store(&joining->bytes, 0);
    atomic_store(&joining->received, 0);
    atomic_store(&joining->stored, 0);
}

void myl_fed_joining_stage(fed_joining *joining, myl_joining_stage stage)
{
    atomic_store(&joining->stage, stage);
}

/* A line every few seconds, so that who waits sees that it goes on. */
static void log_progress(fed_joining *joining)
{
    int64_t now = myl_now_ms();

    if (now - joining->logged_ms < LOG_MS)
        return;
    joining->logged_ms = now;
    myl_log(NULL, MYL_LOG_INFO, "fed", "a room is coming", MYL_LOG_STR("room", joining->room_id),
            MYL_LOG_STR("from", joining->server),
            MYL_LOG_INT("bytes", atomic_load(&joining->bytes)),
            MYL_LOG_INT("received", atomic_load(&joining->received)),
            MYL_LOG_INT("stored", atomic_load(&joining->stored)));
}

void myl_fed_joining_received(fed_joining *joining, size_t bytes, size_t events)
{
    if (joining == NULL)
        return;
    atomic_fetch_add(&joining->bytes, bytes);
    atomic_fetch_add(&joining->received, events);
    log_progress(joining);
}

void myl_fed_joining_stored(fed_joining *joining, size_t events)
{
    if (joining == NULL)
        return;
    atomic_fetch_add(&joining->stored, events);
    log_progress(joining);
}

void myl_fed_joins_under_way(myl_ctx *cx, const myl_joining **out, size_t *count)
{
    myl_list list = MYL_LIST(cx, myl_joining);

    pthread_mutex_lock(&lock);
    for (const fed_joining *one = under_way; one != NULL; one = one->next)
        myl_list_push(&list, myl_joining,
                      ((myl_joining){.room_id = myl_keep(cx, one->room_id),
                                     .user_id = myl_keep(cx, one->user_id),
                                     .server = myl_keep(cx, one->server),
                                     .stage = atomic_load(&one->stage),
                                     .started_ms = one->started_ms,
                                     .resumed = one->resumed,
                                     .bytes = atomic_load(&one->bytes),
                                     .received = atomic_load(&one->received),
                                     .stored = atomic_load(&one->stored)}));
    pthread_mutex_unlock(&lock);
    *out = list.at;
    *count = list.count;
}

/* ---- notes ---- */

typedef struct {
    myl_str content;
    const myl_str *servers;
    uint32_t server_count;
    uint32_t tries;
    int64_t due_ms;
} note_row;

static bool cut_note(myl_ctx *cx, myl_str row, note_row *out)
{
    myl_str *servers;
    uint64_t due;

    if (!myl_cut_str(&row, &out->content) || !myl_cut_u32(&row, &out->tries) ||
        !myl_cut_u64(&row, &due) || !myl_cut_u32(&row, &out->server_count) ||
        out->server_count > MYL_LIMIT_JOIN_SERVERS + 1)
        return false;
    out->due_ms = (int64_t)due;
    servers = myl_new_array(cx, myl_str, out->server_count + 1);
    for (uint32_t i = 0; i < out->server_count; i++)
        if (!myl_cut_str(&row, &servers[i]))
            return false;
    out->servers = servers;
    return row.len == 0;
}

/* The place of a user's join of a room; room 0: there is none. */
typedef struct {
    uint64_t room, user;
} note_place;

static myl_rc place_of(myl_ctx *cx, const myl_fed_visit *visit, note_place *out)
{
    MYL_TRY(myl_store_interned(cx, MYL_INTERN_ROOM, visit->room_id, &out->room));
    return myl_store_interned(cx, MYL_INTERN_NAME, visit->user_id, &out->user);
}

static myl_rc put_note(myl_ctx *cx, note_place place, const note_row *note)
{
    myl_text row = MYL_TEXT(cx);
    myl_key key = myl_key_of_u64s(place.room, place.user);

    myl_row_str(&row, note->content);
    myl_row_u32(&row, note->tries);
    myl_row_u64(&row, (uint64_t)note->due_ms);
    myl_row_u32(&row, note->server_count);
    for (uint32_t i = 0; i < note->server_count; i++)
        myl_row_str(&row, note->servers[i]);
    return myl_store_put(cx, MYL_TABLE_FED_JOINS, myl_key_str(&key), myl_text_str(&row));
}

/* *there: it is, and can be read. */
static myl_rc get_note(myl_ctx *cx, note_place place, note_row *out, bool *there)
{
    myl_key key = myl_key_of_u64s(place.room, place.user);
    myl_str row;

    MYL_TRY(myl_store_get(cx, MYL_TABLE_FED_JOINS, myl_key_str(&key), &row));
    *there = myl_str_present(row) && cut_note(cx, myl_keep(cx, row), out);
    return MYL_OK;
}

typedef struct {
    const myl_fed_visit *visit;
    myl_str server;
} noting;

static myl_rc note_join(myl_ctx *cx, void *arg)
{
    const noting *n = arg;
    const myl_fed_visit *visit = n->visit;
    myl_list servers = MYL_LIST(cx, myl_str);
    myl_text content = MYL_TEXT(cx);
    note_row before, note = {0};
    note_place place;
    bool there;

    MYL_TRY(myl_store_intern(cx, MYL_INTERN_ROOM, visit->room_id, &place.room));
    MYL_TRY(myl_store_intern(cx, MYL_INTERN_NAME, visit->user_id, &place.user));
    MYL_TRY(get_note(cx, place, &before, &there));
    note.tries = there ? before.tries + 1 : 1;
    /* the one that knows of the join goes first when it is done again */
    myl_list_push(&servers, myl_str, n->server);
    for (size_t i = 0; i < visit->server_count && servers.count < MYL_LIMIT_JOIN_SERVERS; i++)
        if (!myl_str_equal(visit->servers[i], n->server) && myl_id_is_server(visit->servers[i]))
            myl_list_push(&servers, myl_str, visit->servers[i]);
    note.servers = servers.at;
    note.server_count = (uint32_t)servers.count;
    myl_json_write(&content, visit->content == NULL ? myl_json_empty_object() : visit->content);
    note.content = myl_text_str(&content);
    return put_note(cx, place, &note);
}

myl_rc myl_fed_join_note(myl_ctx *cx, const myl_fed_visit *visit, fed_joining *joining)
{
    noting n = {visit, joining->server};

    joining->noted = true;
    return myl_fed_change(cx, "fed.join_note", note_join, &n);
}

static myl_rc forget(myl_ctx *cx, void *arg)
{
    note_place place;
    myl_key key;

    MYL_TRY(place_of(cx, arg, &place));
    if (place.room == 0 || place.user == 0)
        return MYL_OK;
    key = myl_key_of_u64s(place.room, place.user);
    return myl_store_delete(cx, MYL_TABLE_FED_JOINS, myl_key_str(&key));
}

myl_rc myl_fed_join_forget(myl_ctx *cx, const myl_fed_visit *visit)
{
    return forget(cx, (void *)visit);
}

void myl_fed_join_failed(const myl_fed_visit *visit, const fed_joining *joining)
{
    myl_ctx cx;

    if (!joining->noted)
        return;
    myl_ctx_begin(&cx);
    if (myl_fed_change(&cx, "fed.join_failed", forget, (void *)visit) != MYL_OK)
        myl_log_failure(&cx, "fed");
    myl_ctx_end(&cx);
}

/* ---- going on ---- */

typedef struct {
    myl_job job; /* first member */
    myl_ctx cx;
    myl_fed_visit visit;
    fed_joining *joining;
    bool is_in; /* the user has come into the room by another way */
} resumption;

/* The others are asked again later, and less often each time. */
static myl_rc put_off(myl_ctx *cx, void *arg)
{
    const resumption *r = arg;
    note_row note;
    note_place place;
    bool there;

    MYL_TRY(place_of(cx, &r->visit, &place));
    MYL_TRY(get_note(cx, place, &note, &there));
    if (!there)
        return MYL_OK;
    note.due_ms = myl_fed_next_try(note.tries);
    note.tries++;
    return put_note(cx, place, &note);
}

/* How things are now: much may have happened since. */
static myl_rc look(myl_ctx *cx, void *arg)
{
    resumption *r = arg;
    myl_room_head head;
    myl_account account;
    myl_member member;
    bool here;

    MYL_TRY(myl_user_account(cx, r->visit.user_id, &account));
    if (!account.exists || account.deactivated || account.locked)
        return myl_fail(cx, MYL_FORBIDDEN, "the user is here no more");
    MYL_TRY(myl_room_head_get(cx, r->visit.room_id, &head));
    MYL_TRY(myl_room_is_here(cx, &head, &here));
    MYL_TRY(myl_room_member(cx, head.room, account.user, &member));
    r->is_in = here && member.membership == MYL_MEMBER_JOIN;
    r->visit.although_here = here;
    return MYL_OK;
}

static void log_end(resumption *r, myl_rc rc)
{
    if (rc == MYL_OK)
        myl_log(&r->cx, MYL_LOG_INFO, "fed", "a join that was cut short has been completed",
                MYL_LOG_STR("room", r->visit.room_id), MYL_LOG_STR("user", r->visit.user_id));
    else
        myl_log(&r->cx, MYL_LOG_WARNING, "fed", "a join that was cut short could not be completed",
                MYL_LOG_STR("room", r->visit.room_id), MYL_LOG_STR("user", r->visit.user_id),
                MYL_LOG_STR("reason", r->cx.error.detail));
}

/* Tried again later, unless it is done or was refused. */
static void settle(resumption *r, myl_rc rc)
{
    bool over = rc == MYL_OK || myl_error_of(rc)->kind == MYL_KIND_CLIENT;

    myl_forgive(&r->cx);
    if (rc == MYL_OK && !r->is_in)
        return; /* the change that brought the user in has forgotten it */
    if (myl_fed_change(&r->cx, "fed.join_settle", over ? forget : put_off,
                       over ? (void *)&r->visit : r) != MYL_OK)
        myl_log_failure(&r->cx, "fed");
}

static void go_on(myl_job *job)
{
    resumption *r = (resumption *)job;
    myl_rc rc = MYL_STOPPING;

    if (!myl_lanes_stopping())
        rc = myl_fed_read(&r->cx, look, r);
    if (rc == MYL_OK && !r->is_in)
        rc = myl_fed_join_run(&r->cx, &r->visit, r->joining);
    if (rc != MYL_STOPPING) {
        log_end(r, rc);
        settle(r, rc);
    }
    myl_fed_joining_end(r->joining);
    myl_ctx_end(&r->cx);
    myl_process_free(r);
}

static void resume(myl_str room_id, myl_str user_id, const note_row *note)
{
    resumption *r = myl_process_alloc(sizeof(*r));
    myl_str *servers;

    r->job.run = go_on;
    myl_ctx_begin(&r->cx);
    servers = myl_new_array(&r->cx, myl_str, note->server_count + 1);
    for (uint32_t i = 0; i < note->server_count; i++)
        servers[i] = myl_keep(&r->cx, note->servers[i]);
    r->visit = (myl_fed_visit){.room_id = myl_keep(&r->cx, room_id),
                               .user_id = myl_keep(&r->cx, user_id),
                               .servers = servers,
                               .server_count = note->server_count};
    if (myl_json_parse(&r->cx, myl_keep(&r->cx, note->content), &r->visit.content) != MYL_OK)
        myl_forgive(&r->cx);
    r->joining = myl_fed_joining_begin(&r->visit, true);
    if (myl_lane_submit(MYL_LANE_REMOTE, &r->job) == MYL_OK)
        return;
    /* the lane is full: the next round */
    myl_fed_joining_end(r->joining);
    myl_ctx_end(&r->cx);
    myl_process_free(r);
}

/* One row: resumed, left for later, or forgotten. */
static myl_rc look_at_note(myl_ctx *cx, note_place place)
{
    myl_fed_visit visit = {0};
    note_row note;
    bool there;

    MYL_TRY(myl_store_text_of(cx, MYL_INTERN_ROOM, place.room, &visit.room_id));
    visit.room_id = myl_keep(cx, visit.room_id);
    MYL_TRY(myl_store_text_of(cx, MYL_INTERN_NAME, place.user, &visit.user_id));
    visit.user_id = myl_keep(cx, visit.user_id);
    MYL_TRY(get_note(cx, place, &note, &there));
    if (!there || is_under_way(visit.room_id, visit.user_id) || note.due_ms > myl_now_ms() ||
        resumed_now() >= RESUMED_AT_ONCE)
        return MYL_OK;
    if (note.tries > MYL_LIMIT_JOIN_TRIES) {
        myl_log(cx, MYL_LOG_WARNING, "fed", "a join is given up",
                MYL_LOG_STR("room", visit.room_id), MYL_LOG_STR("user", visit.user_id));
        return forget(cx, &visit);
    }
    resume(visit.room_id, visit.user_id, &note);
    return MYL_OK;
}

static bool cut_place(myl_str key, note_place *out)
{
    return myl_cut_u64(&key, &out->room) && myl_cut_u64(&key, &out->user) && key.len == 0;
}

static myl_rc look_round(myl_ctx *cx)
{
    myl_list places = MYL_LIST(cx, note_place);
    myl_scan *scan;
    myl_str key, row;

    MYL_TRY(myl_scan_start(cx, MYL_TABLE_FED_JOINS, MYL_ABSENT, MYL_ABSENT, MYL_FORWARD, &scan));
    for (;;) {
        note_place place;

        MYL_TRY(myl_scan_next(scan, &key, &row));
        if (!myl_str_present(key))
            break;
        if (!cut_place(key, &place))
            return myl_fail(cx, MYL_CORRUPT, "FED_JOINS: a key of the wrong length");
        myl_list_push(&places, note_place, place);
    }
    myl_scan_end(scan);
    for (size_t i = 0; i < places.count; i++)
        MYL_TRY(look_at_note(cx, myl_list_get(&places, note_place, i)));
    return MYL_OK;
}

static const myl_round looking = {"fed.joins", LOOK_MS, look_round};

void myl_fed_joins_start(void)
{
    myl_rounds_register(&looking);
}

/* ---- check ---- */

static myl_rc check_note(myl_ctx *cx, myl_check *check, myl_str key, myl_str row)
{
    note_place place;
    note_row note;
    myl_str text;

    if (!cut_place(key, &place) || !cut_note(cx, row, &note) || note.server_count == 0) {
        myl_check_wrong(check, "FED_JOINS: a row cannot be read");
        return MYL_OK;
    }
    MYL_TRY(myl_store_text_of(cx, MYL_INTERN_ROOM, place.room, &text));
    return myl_store_text_of(cx, MYL_INTERN_NAME, place.user, &text);
}

myl_rc myl_fed_check_joins(myl_ctx *cx, myl_check *check)
{
    return myl_check_walk(cx, check, MYL_TABLE_FED_JOINS, check_note);
}
