/* key_backup.c: backups of room keys: versions, and keys of one session, one room, or all.
 *
 * Spec:    Client-Server API, Server-side key backups.
 * Threads: the engine for changes, a read worker otherwise.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "api/client/client_own.h"

#include <myelin/user_backup.h>

enum { PAGE_KEYS = 200 };

static myl_str version_text(myl_ctx *cx, const myl_backup *backup)
{
    return myl_strf(cx, "%llu", (unsigned long long)backup->version);
}

/* ---- keys that were dropped all together go in pieces ---- */

static myl_rc sweep(myl_ctx *cx, myl_str state, myl_str *next_state, bool *finished)
{
    uint64_t user, keys;

    *next_state = state;
    if (!myl_cut_u64(&state, &user) || !myl_cut_u64(&state, &keys))
        return myl_fail(cx, MYL_CORRUPT, "a task's state cannot be read");
    return myl_user_backup_sweep(cx, user, keys, finished);
}

static const myl_task_kind sweep_task = {"sweep backed-up keys", sweep};

void myl_client_backup_start(void)
{
    myl_tasks_register(&sweep_task);
}

static myl_rc sweep_later(myl_ctx *cx, uint64_t user, uint64_t keys)
{
    myl_key state = myl_key_of_u64s(user, keys);
    uint64_t task;

    return myl_task_add(cx, sweep_task.kind, myl_key_str(&state), &task);
}

/* ---- versions ---- */

static myl_rc no_backup(myl_req *req)
{
    return myl_fail(&req->cx, MYL_NOT_FOUND, "no such backup");
}

static myl_rc reply_info(myl_req *req, const myl_backup *backup)
{
    myl_writer w = myl_write_start(&req->cx, 256);

    if (backup->version == 0)
        return no_backup(req);
    myl_write_open(&w, '{');
    myl_write_str(&w, "algorithm", backup->algorithm);
    myl_write_raw(&w, "auth_data", backup->auth_data);
    myl_write_int(&w, "count", (int64_t)backup->count);
    myl_write_str(&w, "etag", myl_strf(&req->cx, "%llu", (unsigned long long)backup->etag));
    myl_write_str(&w, "version", version_text(&req->cx, backup));
    myl_write_close(&w, '}');
    return myl_reply_written(req, &w);
}

myl_rc myl_client_backup_newest(myl_req *req, const myl_body_none *in)
{
    myl_backup backup;

    MYL_UNUSED(in);
    MYL_TRY(myl_user_backup_get(&req->cx, req->caller.user, MYL_ABSENT, &backup));
    return reply_info(req, &backup);
}

myl_rc myl_client_backup_info(myl_req *req, const myl_body_none *in)
{
    myl_backup backup;

    MYL_UNUSED(in);
    MYL_TRY(myl_user_backup_get(&req->cx, req->caller.user, req->path.version, &backup));
    return reply_info(req, &backup);
}

myl_rc myl_client_backup_create(myl_req *req, const myl_body_backup_version *in)
{
    myl_writer w = myl_write_start(&req->cx, 64);
    myl_backup backup;

    MYL_TRY(
        myl_user_backup_create(&req->cx, req->caller.user, in->algorithm, in->auth_data, &backup));
    myl_write_open(&w, '{');
    myl_write_str(&w, "version", version_text(&req->cx, &backup));
    myl_write_close(&w, '}');
    return myl_reply_written(req, &w);
}

myl_rc myl_client_backup_update(myl_req *req, const myl_body_backup_version *in)
{
    myl_backup backup;

    MYL_TRY(myl_user_backup_get(&req->cx, req->caller.user, req->path.version, &backup));
    if (backup.version == 0)
        return no_backup(req);
    if (myl_str_present(in->version) && !myl_str_equal(in->version, req->path.version))
        return myl_fail(&req->cx, MYL_INVALID_PARAM, "version: not that of the path");
    if (!myl_str_equal(in->algorithm, backup.algorithm))
        return myl_fail(&req->cx, MYL_INVALID_PARAM, "algorithm: not the backup's");
    MYL_TRY(myl_user_backup_set_auth(&req->cx, &backup, in->auth_data));
    return myl_reply_empty(req);
}

myl_rc myl_client_backup_delete(myl_req *req, const myl_body_none *in)
{
    myl_backup backup;
    bool was;

    MYL_UNUSED(in);
    MYL_TRY(myl_user_backup_get(&req->cx, req->caller.user, req->path.version, &backup));
    MYL_TRY(myl_user_backup_was(&req->cx, req->caller.user, req->path.version, &was));
    if (!was)
        return no_backup(req);
    if (backup.version != 0) {
        MYL_TRY(myl_user_backup_delete(&req->cx, &backup));
        MYL_TRY(sweep_later(&req->cx, backup.user, backup.keys));
    }
    return myl_reply_empty(req);
}

/* ---- which backup ---- */

/* The one that ?version= names. */
static myl_rc open_backup(myl_req *req, myl_backup *out)
{
    myl_str version = myl_req_query(req, "version");

    if (!myl_str_present(version))
        return myl_fail(&req->cx, MYL_MISSING_PARAM, "version: missing");
    MYL_TRY(myl_user_backup_get(&req->cx, req->caller.user, version, out));
    return out->version == 0 ? no_backup(req) : MYL_OK;
}

/* Keys go to the newest only. *wrong: the reply that says so is set. */
static myl_rc open_newest(myl_req *req, myl_backup *out, bool *wrong)
{
    myl_writer w = myl_write_start(&req->cx, 128);
    myl_backup newest;

    MYL_TRY(open_backup(req, out));
    MYL_TRY(myl_user_backup_get(&req->cx, req->caller.user, MYL_ABSENT, &newest));
    *wrong = newest.version != out->version;
    if (!*wrong)
        return MYL_OK;
    myl_write_open(&w, '{');
    myl_write_str(&w, "current_version", version_text(&req->cx, &newest));
    myl_write_str(&w, "errcode", MYL_S("M_WRONG_ROOM_KEYS_VERSION"));
    myl_write_str(&w, "error", MYL_S("version: not the newest backup"));
    myl_write_close(&w, '}');
    return myl_reply_json(req, 403, myl_write_done(&w));
}

static myl_rc reply_counted(myl_req *req, const myl_backup *backup)
{
    myl_writer w = myl_write_start(&req->cx, 64);

    myl_write_open(&w, '{');
    myl_write_int(&w, "count", (int64_t)backup->count);
    myl_write_str(&w, "etag", myl_strf(&req->cx, "%llu", (unsigned long long)backup->etag));
    myl_write_close(&w, '}');
    return myl_reply_written(req, &w);
}

/* ---- storing ---- */

/* `session` was checked by its schema. */
static myl_rc put_session(myl_req *req, myl_backup *backup, myl_str room_id, myl_str session_id,
                          const myl_json *session)
{
    myl_text data = MYL_TEXT(&req->cx);
    myl_backup_key key = {.room_id = room_id,
                          .session_id = session_id,
                          .is_verified = myl_json_bool(session, MYL_S("is_verified"), false)};

    myl_json_int(session, MYL_S("first_message_index"), &key.first_message_index);
    myl_json_int(session, MYL_S("forwarded_count"), &key.forwarded_count);
    myl_json_write(&data, MYL_JSON_AT(session, "session_data"));
    key.session_data = myl_text_str(&data);
    return myl_user_backup_put_key(&req->cx, backup, &key);
}

static myl_rc put_room(myl_req *req, myl_backup *backup, myl_str room_id, const myl_json *sessions)
{
    for (uint32_t i = 0; i < sessions->count; i++)
        MYL_TRY(put_session(req, backup, room_id, sessions->items[i].key, &sessions->items[i]));
    return MYL_OK;
}

static myl_rc finish_put(myl_req *req, const myl_backup *backup)
{
    MYL_TRY(myl_user_backup_keep(&req->cx, backup));
    return reply_counted(req, backup);
}

myl_rc myl_client_backup_put_session(myl_req *req, const myl_body_backup_session *in)
{
    myl_backup backup;
    bool wrong;

    MYL_UNUSED(in);
    MYL_TRY(open_newest(req, &backup, &wrong));
    if (wrong)
        return MYL_OK;
    MYL_TRY(put_session(req, &backup, req->path.room_id, req->path.session_id, req->json));
    return finish_put(req, &backup);
}

myl_rc myl_client_backup_put_room(myl_req *req, const myl_body_backup_room *in)
{
    myl_backup backup;
    bool wrong;

    MYL_TRY(open_newest(req, &backup, &wrong));
    if (wrong)
        return MYL_OK;
    MYL_TRY(put_room(req, &backup, req->path.room_id, in->sessions));
    return finish_put(req, &backup);
}

myl_rc myl_client_backup_put_all(myl_req *req, const myl_body_backup_all *in)
{
    myl_backup backup;
    bool wrong;

    MYL_TRY(open_newest(req, &backup, &wrong));
    if (wrong)
        return MYL_OK;
    for (uint32_t i = 0; i < in->rooms->count; i++)
        MYL_TRY(put_room(req, &backup, in->rooms->items[i].key,
                         MYL_JSON_AT(&in->rooms->items[i], "sessions")));
    return finish_put(req, &backup);
}

/* ---- deleting: {roomId} and {sessionId} are absent where the path has none ---- */

/* A room with more keys than a change may drop: the lane drops them in pieces, each a change, and what is left falls to the
 * handler. Ended in between, the next request goes on. */
typedef struct {
    myl_change change; /* first member */
    uint64_t user;
    myl_str version, room_id;
    bool left;
} dropping;

static myl_rc drop_piece(myl_change *change)
{
    dropping *d = (dropping *)change;
    myl_backup backup;

    d->left = false;
    MYL_TRY(myl_user_backup_get(change->cx, d->user, d->version, &backup));
    return backup.version == 0
               ? MYL_OK
               : myl_user_backup_drop_some(change->cx, &backup, d->room_id, &d->left);
}

static myl_rc drop_in_pieces(myl_req *req, void *state)
{
    dropping *d = state;

    do {
        d->change = (myl_change){.name = "client_backup_drop", .cx = &req->cx, .run = drop_piece};
        MYL_TRY(myl_engine_run(myl_req_engine(req), &d->change));
    } while (d->left);
    return MYL_OK;
}

static myl_rc drop_large(myl_req *req, const myl_backup *backup)
{
    dropping *d = myl_new(&req->cx, dropping);
    bool large = false;

    if (myl_str_present(req->path.room_id) && !myl_str_present(req->path.session_id))
        MYL_TRY(myl_user_backup_is_large(&req->cx, backup, req->path.room_id, &large));
    *d = (dropping){.user = backup->user,
                    .version = version_text(&req->cx, backup),
                    .room_id = req->path.room_id};
    return large ? myl_req_need(req, MYL_LANE_HEAVY, drop_in_pieces, d) : MYL_OK;
}

myl_rc myl_client_backup_drop(myl_req *req, const myl_body_none *in)
{
    myl_backup backup;

    MYL_UNUSED(in);
    MYL_TRY(open_backup(req, &backup));
    MYL_TRY(drop_large(req, &backup));
    if (!myl_str_present(req->path.room_id))
        MYL_TRY(sweep_later(&req->cx, backup.user, backup.keys));
    MYL_TRY(myl_user_backup_drop_keys(&req->cx, &backup, req->path.room_id, req->path.session_id));
    return reply_counted(req, &backup);
}

/* ---- reading ---- */

static myl_str session_text(myl_ctx *cx, const myl_backup_key *key)
{
    myl_writer w = myl_write_start(cx, key->session_data.len + 128);

    myl_write_open(&w, '{');
    myl_write_int(&w, "first_message_index", key->first_message_index);
    myl_write_int(&w, "forwarded_count", key->forwarded_count);
    myl_write_bool(&w, "is_verified", key->is_verified);
    myl_write_raw(&w, "session_data", key->session_data);
    myl_write_close(&w, '}');
    return myl_write_done(&w);
}

myl_rc myl_client_backup_session(myl_req *req, const myl_body_none *in)
{
    myl_backup backup;
    myl_backup_key key;

    MYL_UNUSED(in);
    MYL_TRY(open_backup(req, &backup));
    MYL_TRY(myl_user_backup_key(&req->cx, &backup, req->path.room_id, req->path.session_id, &key));
    if (!myl_str_present(key.session_id))
        return myl_fail(&req->cx, MYL_NOT_FOUND, "no such key in the backup");
    return myl_reply_json(req, 200, session_text(&req->cx, &key));
}

/* A backup can be large: its keys are read in pages, each in a snapshot of its own. */
typedef struct {
    myl_backup_walk walk;
    bool has_rooms; /* {"rooms": {room: {"sessions": …}}}, or {"sessions": …} of one */
    bool begun, in_room;
    uint8_t room[16]; /* the open room's part of the place */
} reading;

static void begin_room(reading *r, myl_text *out, const myl_backup_key *key)
{
    if (r->in_room)
        myl_text_add(out, MYL_S("}},"));
    myl_json_write_str(out, key->room_id);
    myl_text_add(out, MYL_S(":{\"sessions\":{"));
    r->in_room = true;
}

static void add_session(reading *r, myl_ctx *cx, myl_text *out, const myl_backup_key *key,
                        bool new_room)
{
    if (new_room && r->has_rooms)
        begin_room(r, out, key);
    else if (r->begun)
        myl_text_add_byte(out, ',');
    r->begun = true;
    myl_json_write_str(out, key->session_id);
    myl_text_add_byte(out, ':');
    myl_text_add(out, session_text(cx, key));
}

static myl_str opening(const reading *r)
{
    return r->has_rooms ? MYL_S("{\"rooms\":{") : MYL_S("{\"sessions\":{");
}

static myl_str closing(const reading *r)
{
    return r->in_room ? MYL_S("}}}}") : MYL_S("}}");
}

static myl_rc read_page(myl_req *req, void *state, myl_text *out, bool *last)
{
    reading *r = state;
    const myl_backup_key *keys;
    size_t count;

    if (r->walk.len == 0)
        myl_text_add(out, opening(r));
    MYL_TRY(myl_user_backup_next(&req->cx, &r->walk, PAGE_KEYS, &keys, &count));
    for (size_t i = 0; i < count; i++) {
        myl_key hash = myl_key_start();
        bool new_room;

        myl_key_hash(&hash, keys[i].room_id);
        new_room = !r->begun || memcmp(hash.bytes, r->room, sizeof(r->room)) != 0;
        memcpy(r->room, hash.bytes, sizeof(r->room));
        add_session(r, out->cx, out, &keys[i], new_room);
    }
    *last = count < PAGE_KEYS;
    if (*last)
        myl_text_add(out, closing(r));
    return MYL_OK;
}

static myl_rc reply_keys(myl_req *req, myl_str room_id)
{
    reading *r = myl_new(&req->cx, reading);
    myl_backup backup;

    MYL_TRY(open_backup(req, &backup));
    r->walk = myl_user_backup_walk(&backup, room_id);
    r->has_rooms = !myl_str_present(room_id);
    return myl_reply_pages(req, 200, "application/json", read_page, r);
}

myl_rc myl_client_backup_keys(myl_req *req, const myl_body_none *in)
{
    MYL_UNUSED(in);
    return reply_keys(req, req->path.room_id);
}
