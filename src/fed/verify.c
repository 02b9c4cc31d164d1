/* verify.c: signatures of events and other objects, many at once.
 *
 * Spec:    Server-Server API, Validating hashes and signatures on received events; Room versions, Signing key
 *          validity period.
 * Callers: whoever takes in events of other servers.
 * Threads: lanes; large lists are shared with the lane VERIFY.
 * Memory:  helpers have jobs of their own and write only to their place in `good`.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "fed/fed_own.h"

enum { SHARED_FROM = 200, PIECE = 32, HELPERS = 8 };

typedef struct {
    const myl_event *const *events;
    size_t count;
    bool *good;
    atomic_size_t next;
    myl_queue *ended;
} work;

typedef struct {
    myl_job job;
    myl_queue_item item;
    work *all;
} helper;

static const myl_json *signatures_by(const myl_json *json, myl_str server)
{
    return myl_json_object(myl_json_object(json, MYL_S("signatures")), server);
}

/* ---- one server of one object ---- */

typedef struct {
    const myl_event *event; /* or NULL and */
    const myl_json *object;
    const myl_room_version *version;
    int64_t ts;
} signed_thing;

static bool holds(myl_ctx *cx, const signed_thing *thing, myl_str server, myl_str key_id)
{
    myl_fed_key key;
    bool found;

    if (!myl_str_starts(key_id, MYL_S("ed25519:")) ||
        myl_fed_key_known(cx, server, key_id, &key, &found) != MYL_OK || !found ||
        !myl_fed_key_fits(&key, thing->version, thing->ts))
        return false;
    myl_str public_key = {(const char *)key.bytes, sizeof(key.bytes)};
    if (thing->event != NULL)
        return myl_event_verify(cx, thing->event, server, key_id, public_key);
    return myl_json_verify(cx, thing->object, server, key_id, public_key);
}

static bool server_signed(myl_ctx *cx, const signed_thing *thing, myl_str server)
{
    const myl_json *json = thing->event != NULL ? thing->event->json : thing->object;
    const myl_json *its = signatures_by(json, server);

    for (uint32_t i = 0; its != NULL && i < its->count && i < MYL_LIMIT_SIGNATURES; i++) {
        if (holds(cx, thing, server, its->items[i].key))
            return true;
    }
    return false;
}

bool myl_fed_event_holds(myl_ctx *cx, const myl_event *event)
{
    signed_thing thing = {.event = event, .version = event->version, .ts = event->origin_server_ts};
    const myl_str *servers;
    size_t count;

    if (myl_event_signers(cx, event, &servers, &count) != MYL_OK) {
        myl_forgive(cx);
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (!server_signed(cx, &thing, servers[i]))
            return false;
    }
    return true;
}

/* ---- keys that are wanted ---- */

static void want_keys(const myl_json *json, const fed_key_want *form, myl_list *wants)
{
    const myl_json *its = signatures_by(json, form->server);

    for (uint32_t i = 0; its != NULL && i < its->count && i < MYL_LIMIT_SIGNATURES; i++) {
        fed_key_want want = *form;
        want.key_id = its->items[i].key;
        if (myl_str_starts(want.key_id, MYL_S("ed25519:")))
            myl_list_push(wants, fed_key_want, want);
    }
}

/* Only the latest time that a key is wanted for matters, so one want a key is kept. */
void myl_fed_merge_wants(myl_ctx *cx, myl_list *wants)
{
    myl_map *seen = myl_map_start(cx, wants->count);
    myl_list kept = MYL_LIST(cx, fed_key_want);

    for (size_t i = 0; i < wants->count; i++) {
        const fed_key_want *want = myl_list_at(wants, i);
        myl_str name = myl_strf(cx, "%.*s %.*s", MYL_FMT(want->server), MYL_FMT(want->key_id));
        void **slot = myl_map_slot(seen, name);
        size_t place = (size_t)(uintptr_t)*slot;
        if (place == 0) {
            myl_list_push(&kept, fed_key_want, *want);
            *slot = (void *)(uintptr_t)kept.count;
            continue;
        }
        fed_key_want *before = myl_list_at(&kept, place - 1);
        if (want->version == NULL || want->version->key_validity) {
            before->ts = want->ts > before->ts ? want->ts : before->ts;
            before->version = want->version;
        }
    }
    *wants = kept;
}

static void wants_of(myl_ctx *cx, const myl_event *event, myl_list *wants)
{
    const myl_str *servers;
    size_t count;

    if (myl_event_signers(cx, event, &servers, &count) != MYL_OK) {
        myl_forgive(cx);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        fed_key_want form = {.server = servers[i],
                             .version = event->version,
                             .ts = event->origin_server_ts};
        want_keys(event->json, &form, wants);
    }
}

void myl_fed_event_wants(myl_ctx *cx, const myl_event *event, myl_list *unmet)
{
    myl_list wants = MYL_LIST(cx, fed_key_want);
    bool met;

    wants_of(cx, event, &wants);
    for (size_t i = 0; i < wants.count; i++)
        if (myl_fed_key_want_met(cx, myl_list_at(&wants, i), &met) == MYL_OK && !met)
            myl_list_push(unmet, fed_key_want, myl_list_get(&wants, fed_key_want, i));
}

static myl_rc fetch_for_events(myl_ctx *cx, const myl_event *const *events, size_t count)
{
    myl_list wants = MYL_LIST(cx, fed_key_want);

    for (size_t i = 0; i < count; i++)
        wants_of(cx, events[i], &wants);
    myl_fed_merge_wants(cx, &wants);
    return myl_fed_keys_get(cx, wants.at, wants.count);
}

/* ---- many events ---- */

static void take_pieces(work *all)
{
    myl_ctx cx;

    myl_ctx_begin(&cx);
    for (;;) {
        size_t from = atomic_fetch_add(&all->next, PIECE);
        if (from >= all->count)
            break;
        for (size_t i = from; i < from + PIECE && i < all->count; i++)
            all->good[i] = myl_fed_event_holds(&cx, all->events[i]);
        myl_ctx_reset(&cx);
    }
    myl_ctx_end(&cx);
}

static void help(myl_job *job)
{
    helper *self = MYL_OF(job, helper, job);

    take_pieces(self->all);
    myl_queue_put(self->all->ended, &self->item);
}

static void share(work *all)
{
    helper helpers[HELPERS];
    size_t out = 0;

    all->ended = myl_queue_start(0, NULL, NULL);
    while (out < HELPERS && out * SHARED_FROM < all->count) {
        helpers[out].job.run = help;
        helpers[out].all = all;
        if (myl_lane_submit(MYL_LANE_VERIFY, &helpers[out].job) != MYL_OK)
            break;
        out++;
    }
    take_pieces(all);
    while (out-- > 0)
        myl_queue_take(all->ended);
    myl_queue_end(all->ended);
}

myl_rc myl_fed_verify_events(myl_ctx *cx, const myl_event *const *events, size_t count, bool *good)
{
    work all = {.events = events, .count = count, .good = good};

    MYL_TRY(fetch_for_events(cx, events, count));
    if (count >= SHARED_FROM)
        share(&all);
    else
        take_pieces(&all);
    return MYL_OK;
}

myl_rc myl_fed_verify_json(myl_ctx *cx, const myl_fed_signed_json *signed_json, bool *good)
{
    signed_thing thing = {.object = signed_json->object,
                          .version = signed_json->version,
                          .ts = signed_json->ts};
    fed_key_want form = {.server = signed_json->server, .version = thing.version, .ts = thing.ts};
    myl_list wants = MYL_LIST(cx, fed_key_want);

    want_keys(thing.object, &form, &wants);
    MYL_TRY(myl_fed_keys_get(cx, wants.at, wants.count));
    *good = server_signed(cx, &thing, signed_json->server);
    return MYL_OK;
}
