/* spaces.c: spaces and rooms that are not here, as the servers in them tell.
 *
 * Why:     a page of a hierarchy may need many of them, and the next page the same again: they are asked side by side, and what
 *          they told is kept for a while.
 * Callers: hierarchies and summaries of clients, by plans.
 * Threads: lanes. Lock FED_SPACES over what is kept.
 * Memory:  FED_SPACES_KEPT answers of at most FED_SPACE_BYTES; a new one takes the place of an older one.
 * Spec:    Server-Server API, GET hierarchy.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "fed/fed_own.h"
#include "fed/rooms_own.h"

#include <pthread.h>

enum { KEEP_MS = 300000, TIMEOUT_MS = 10000, ASK_AT_ONCE = 20, MOST_TRIES = 4 };

/* ---- what is kept ---- */

typedef struct {
    myl_str room_id, text;
    int64_t until_tick_ms;
} kept_answer;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* FED_SPACES */
static kept_answer kept[MYL_LIMIT_FED_SPACES_KEPT];

static kept_answer *slot_of(myl_str room_id)
{
    return &kept[myl_str_hash(room_id) % MYL_LIMIT_FED_SPACES_KEPT];
}

static void drop(kept_answer *slot)
{
    myl_process_free((void *)(uintptr_t)slot->room_id.at);
    myl_process_free((void *)(uintptr_t)slot->text.at);
    *slot = (kept_answer){.until_tick_ms = 0};
}

static void keep(myl_str room_id, myl_str text)
{
    kept_answer *slot = slot_of(room_id);

    if (text.len > MYL_LIMIT_FED_SPACE_BYTES)
        return;
    pthread_mutex_lock(&lock);
    drop(slot);
    *slot =
        (kept_answer){myl_process_keep(room_id), myl_process_keep(text), myl_tick_ms() + KEEP_MS};
    pthread_mutex_unlock(&lock);
}

static myl_str recall(myl_ctx *cx, myl_str room_id)
{
    kept_answer *slot = slot_of(room_id);
    myl_str text = MYL_ABSENT;

    pthread_mutex_lock(&lock);
    if (myl_str_present(slot->room_id) && myl_str_equal(slot->room_id, room_id) &&
        slot->until_tick_ms > myl_tick_ms())
        text = myl_keep(cx, slot->text);
    pthread_mutex_unlock(&lock);
    return text;
}

void myl_fed_spaces_stop(void)
{
    for (size_t i = 0; i < MYL_LIMIT_FED_SPACES_KEPT; i++)
        drop(&kept[i]);
}

/* ---- asking ---- */

/* Is it about the room? */
static bool take(myl_ctx *cx, myl_fed_space *space, myl_str text)
{
    const myl_json *json;

    if (myl_json_parse(cx, text, &json) != MYL_OK) {
        myl_forgive(cx);
        return false;
    }
    if (!myl_str_equal(myl_json_text(myl_json_object(json, MYL_S("room")), MYL_S("room_id")),
                       space->room_id))
        return false;
    space->told = json;
    return true;
}

static void ask_some(myl_ctx *cx, myl_fed_space **spaces, const myl_str *servers, size_t count)
{
    myl_fed_request requests[ASK_AT_ONCE];
    myl_fed_reply replies[ASK_AT_ONCE];

    for (size_t i = 0; i < count; i++)
        requests[i] = (myl_fed_request){
            .destination = servers[i],
            .method = "GET",
            .timeout_ms = TIMEOUT_MS,
            .path = myl_fed_path(cx, "/_matrix/federation/v1/hierarchy/{}?suggested_only=false",
                                 &spaces[i]->room_id, 1)};
    myl_fed_call_many(cx, requests, count, replies);
    for (size_t i = 0; i < count; i++)
        if (replies[i].rc == MYL_OK && replies[i].status == 200 &&
            take(cx, spaces[i], replies[i].body))
            keep(spaces[i]->room_id, replies[i].body);
}

/* One server for each room that nobody has told of yet: its n-th. */
static void ask_round(myl_ctx *cx, myl_fed_space *spaces, const myl_list *candidates, size_t count,
                      size_t n)
{
    myl_fed_space *asked[ASK_AT_ONCE];
    myl_str servers[ASK_AT_ONCE];
    size_t asking = 0;

    for (size_t i = 0; i < count; i++) {
        if (spaces[i].told != NULL || n >= candidates[i].count)
            continue;
        asked[asking] = &spaces[i];
        servers[asking++] = myl_list_get(&candidates[i], myl_str, n);
        if (asking == ASK_AT_ONCE) {
            ask_some(cx, asked, servers, asking);
            asking = 0;
        }
    }
    ask_some(cx, asked, servers, asking);
}

void myl_fed_spaces(myl_ctx *cx, myl_fed_space *spaces, size_t count)
{
    myl_list *candidates = myl_new_array(cx, myl_list, count + 1);

    for (size_t i = 0; i < count; i++) {
        myl_fed_visit visit = {.room_id = spaces[i].room_id,
                               .user_id = spaces[i].user_id,
                               .servers = spaces[i].servers,
                               .server_count = spaces[i].server_count};
        myl_str text = recall(cx, spaces[i].room_id);

        candidates[i] = MYL_LIST(cx, myl_str);
        if (!myl_str_present(text) || !take(cx, &spaces[i], text))
            myl_fed_candidates(cx, &visit, &candidates[i]);
    }
    for (size_t n = 0; n < MOST_TRIES && !myl_lanes_stopping(); n++)
        ask_round(cx, spaces, candidates, count, n);
}
