/* send.c: the outbox as a whole: started, told of commits, asked to say what is never stored, stopped.
 *
 * Callers: cmd/ and the engine's listener; api/ for typing and presence; fed/ when a server was heard of.
 * Threads: as outbox_send.h says; the work is posted to the sender. Lock OUTBOX_NOTES over what commits have named.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "outbox/outbox_own.h"

#include <pthread.h>

#include <myelin/fed_auth.h>
#include <myelin/json_writer.h>
#include <myelin/room_servers.h>

outbox_state myl_outbox;

static atomic_bool runs, follow_posted;
static myl_net_post follow_post;
static pthread_mutex_t notes_lock = PTHREAD_MUTEX_INITIALIZER; /* OUTBOX_NOTES */
static uint64_t *notes;
static size_t note_count, note_room;

/* ---- commits ---- */

static void run_follow(myl_net_post *post)
{
    MYL_UNUSED(post);
    atomic_store(&follow_posted, false);
    myl_outbox_follow();
}

static void keep_note(uint64_t server)
{
    pthread_mutex_lock(&notes_lock);
    if (note_count == note_room) {
        size_t room = note_room == 0 ? 64 : 2 * note_room;
        notes = myl_process_grow(notes, note_room * sizeof(*notes), room * sizeof(*notes));
        note_room = room;
    }
    notes[note_count++] = server;
    pthread_mutex_unlock(&notes_lock);
}

void myl_outbox_take_notes(myl_ctx *cx)
{
    pthread_mutex_lock(&notes_lock);
    size_t count = note_count;
    uint64_t *taken = myl_new_array(cx, uint64_t, count);
    if (count > 0)
        memcpy(taken, notes, count * sizeof(*taken));
    note_count = 0;
    pthread_mutex_unlock(&notes_lock);
    for (size_t i = 0; i < count; i++)
        myl_outbox_follow_to_device(cx, taken[i]);
}

void myl_outbox_committed(const myl_batch *batch)
{
    if (!atomic_load(&runs))
        return;
    for (size_t i = 0; i < batch->count; i++) {
        if (batch->notes[i].kind == MYL_NOTE_DESTINATION)
            keep_note(batch->notes[i].id);
    }
    if (batch->count == 0 || atomic_exchange(&follow_posted, true))
        return;
    follow_post.run = run_follow;
    if (myl_net_run(&follow_post) != MYL_OK)
        atomic_store(&follow_posted, false);
}

/* ---- servers that were heard of ---- */

typedef struct {
    myl_net_post post;
    myl_str name;
} name_post;

static void free_name(name_post *self)
{
    myl_process_free((void *)(uintptr_t)self->name.at);
    myl_process_free(self);
}

static void run_heard(myl_net_post *post)
{
    name_post *self = MYL_OF(post, name_post, post);
    outbox_destination *to = myl_outbox_destination_named(self->name);

    if (to != NULL)
        myl_outbox_destination_heard(to);
    free_name(self);
}

static void heard(myl_str server_name)
{
    if (!atomic_load(&runs) || !myl_outbox_may_be_failing(server_name))
        return;
    name_post *self = myl_process_alloc(sizeof(*self));
    self->name = myl_process_keep(server_name);
    self->post.run = run_heard;
    if (myl_net_run(&self->post) != MYL_OK)
        free_name(self);
}

void myl_outbox_retry(myl_str server_name)
{
    myl_fed_forget_route(server_name);
    heard(server_name);
}

/* ---- what is never stored ---- */

typedef struct {
    myl_net_post post;
    myl_outbox_audience audience;
    uint64_t id, key;
    myl_str text; /* the EDU */
} say_post;

void myl_outbox_keep_volatile(outbox_destination *to, uint64_t key, myl_str edu)
{
    outbox_volatile **link = &to->volatiles;

    if (to->is_refused || to->failures > 0 || to->has_row)
        return;
    while (*link != NULL && (key == 0 || (*link)->key != key || (*link)->is_out))
        link = &(*link)->next;
    if (*link != NULL) {
        myl_process_free((void *)(uintptr_t)(*link)->json.at);
        (*link)->json = myl_process_keep(edu);
        return;
    }
    if (to->volatile_count >= MYL_LIMIT_OUTBOX_VOLATILE)
        return;
    *link = myl_process_alloc(sizeof(**link));
    (*link)->key = key;
    (*link)->json = myl_process_keep(edu);
    to->volatile_count++;
}

/* *servers in the job. */
static myl_rc audience_of(myl_ctx *cx, const say_post *say, const uint64_t **servers, size_t *count)
{
    MYL_TRY(myl_snapshot_open(cx, myl_outbox.store));
    myl_rc rc = say->audience == MYL_OUTBOX_TO_ROOM
                    ? myl_room_servers(cx, say->id, servers, count)
                    : myl_outbox_servers_of_user(cx, say->id, servers, count);
    for (size_t i = 0; rc == MYL_OK && i < *count; i++)
        myl_outbox_destination_of(cx, (*servers)[i]);
    myl_snapshot_close(cx);
    return rc;
}

static void run_say(myl_net_post *post)
{
    say_post *self = MYL_OF(post, say_post, post);
    const uint64_t *servers;
    size_t count;
    myl_ctx cx;

    myl_ctx_begin(&cx);
    if (!myl_outbox.is_stopping && audience_of(&cx, self, &servers, &count) == MYL_OK) {
        for (size_t i = 0; i < count; i++) {
            outbox_destination *to = myl_outbox_destination_known(servers[i]);
            if (to == NULL)
                continue;
            myl_outbox_keep_volatile(to, self->key, self->text);
            myl_outbox_send(to);
        }
    }
    myl_ctx_end(&cx);
    myl_process_free((void *)(uintptr_t)self->text.at);
    myl_process_free(self);
}

void myl_outbox_say(const myl_outbox_edu *edu)
{
    const myl_json *json;
    myl_ctx cx;

    if (!atomic_load(&runs))
        return;
    myl_ctx_begin(&cx);
    myl_text content = MYL_TEXT(&cx);
    say_post *self = myl_process_alloc(sizeof(*self));
    *self = (say_post){.audience = edu->audience, .id = edu->id, .key = edu->key};
    if (edu->key != 0)
        self->key = edu->key ^ myl_str_hash(edu->type);
    bool reads = myl_json_parse(&cx, edu->json, &json) == MYL_OK;
    MYL_ASSERT(reads); /* ours */
    myl_json_write(&content, json);
    self->text = myl_process_keep(myl_outbox_edu_text(&cx, edu->type, myl_text_str(&content)));
    myl_ctx_end(&cx);
    self->post.run = run_say;
    if (myl_net_run(&self->post) == MYL_OK)
        return;
    myl_process_free((void *)(uintptr_t)self->text.at);
    myl_process_free(self);
}

void myl_outbox_typing(uint64_t room, myl_str room_id, myl_str user_id, bool typing)
{
    myl_ctx cx;

    if (!atomic_load(&runs))
        return;
    myl_ctx_begin(&cx);
    myl_writer w = myl_write_start(&cx, 128);
    myl_write_open(&w, '{');
    myl_write_str(&w, "room_id", room_id);
    myl_write_bool(&w, "typing", typing);
    myl_write_str(&w, "user_id", user_id);
    myl_write_close(&w, '}');
    myl_outbox_edu edu = {.audience = MYL_OUTBOX_TO_ROOM,
                          .id = room,
                          .type = MYL_S("m.typing"),
                          .json = myl_write_done(&w),
                          .key = (room << 20) ^ myl_str_hash(user_id)};
    myl_outbox_say(&edu);
    myl_ctx_end(&cx);
}

/* ---- start and stop ---- */

static myl_rc begin(myl_ctx *cx)
{
    MYL_TRY(myl_store_interned(cx, MYL_INTERN_SERVER, myl_fed_server()->config->server_name,
                               &myl_outbox.ours));
    return myl_outbox_read_rows(cx);
}

static void run_begin(myl_net_post *post)
{
    myl_ctx cx;

    MYL_UNUSED(post);
    myl_ctx_begin(&cx);
    myl_rc rc = myl_snapshot_open(&cx, myl_outbox.store);
    if (rc == MYL_OK) {
        rc = begin(&cx);
        myl_snapshot_close(&cx);
    }
    if (rc != MYL_OK)
        myl_log_failure(&cx, "outbox");
    myl_ctx_end(&cx);
    myl_outbox_follow();
}

myl_rc myl_outbox_start(myl_ctx *cx, myl_store *store, myl_engine *engine)
{
    static myl_net_post post;

    myl_outbox = (outbox_state){.store = store, .engine = engine};
    myl_outbox_destinations_start();
    myl_fed_on_heard(heard);
    post.run = run_begin;
    myl_rc rc = myl_net_run(&post);
    atomic_store(&runs, rc == MYL_OK);
    return rc == MYL_OK ? MYL_OK : myl_fail(cx, rc, "the sender does not run");
}

void myl_outbox_stop(void)
{
    if (!atomic_exchange(&runs, false))
        return;
    myl_outbox.is_stopping = true;
    myl_outbox_write_now();
    myl_outbox_meet_stop();
    myl_outbox_destinations_stop();
    myl_process_free(notes);
    notes = NULL;
    note_count = note_room = 0;
    atomic_store(&follow_posted, false);
}
