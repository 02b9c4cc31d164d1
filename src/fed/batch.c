/* batch.c: many PDUs at once, as a join or a state brings them.
 *
 * Why:     a room's state may be tens of thousands of events in any order; what stands on others must be stored after them.
 * Callers: join.c, state.c, missing.c, backfill.c.
 * Threads: lanes.
 * Memory:  of each event only its references are kept; a piece of BATCH events is decoded at a time.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "fed/rooms_own.h"

enum { BATCH = 100 };

/* ---- reading ---- */

static bool read_pdu(myl_ctx *cx, myl_ctx *piece, const myl_room_version *version, myl_str room_id,
                     fed_pdu *out)
{
    const myl_json *json;
    myl_event event;

    if (myl_json_parse(piece, out->text, &json) != MYL_OK ||
        myl_event_decode(piece, version, json, &event) != MYL_OK ||
        !myl_str_equal(event.room_id, room_id))
        return false;
    out->id = myl_keep(cx, event.event_id);
    out->auth = myl_fed_keep_ids(cx, event.auth_events, event.auth_event_count);
    out->auth_count = event.auth_event_count;
    out->prev = myl_fed_keep_ids(cx, event.prev_events, event.prev_event_count);
    out->prev_count = event.prev_event_count;
    out->depth = event.depth;
    out->create = myl_event_is(&event, "m.room.create", MYL_S(""));
    return true;
}

void myl_fed_read_pdus(myl_ctx *cx, const myl_room_version *version, const myl_list *texts,
                       myl_str room_id, myl_list *out)
{
    myl_map *seen = myl_map_start(cx, texts->count);
    myl_ctx piece;

    myl_ctx_begin(&piece);
    for (size_t i = 0; i < texts->count; i++) {
        fed_pdu pdu = {.text = myl_list_get(texts, myl_str, i)};

        if (read_pdu(cx, &piece, version, room_id, &pdu) && !myl_map_has(seen, pdu.id)) {
            *myl_map_slot(seen, pdu.id) = seen;
            *(fed_pdu *)myl_list_add(out) = pdu;
        }
        myl_ctx_reset(&piece);
    }
    myl_ctx_end(&piece);
}

/* ---- order ---- */

typedef struct {
    const fed_pdu *pdus;
    size_t count;
    bool by_prev;
    myl_map *index;   /* id -> index + 1 */
    size_t *waits;    /* for how many others */
    size_t *next;     /* chains of followers: next edge + 1 */
    size_t *first;    /* first edge + 1 of each */
    size_t *follower; /* of each edge */
    size_t edges;
} sorting;

static size_t reference_count(const sorting *s, size_t i)
{
    return s->by_prev ? s->pdus[i].prev_count : s->pdus[i].auth_count;
}

static void link_pdu(sorting *s, size_t i)
{
    const myl_str *ids = s->by_prev ? s->pdus[i].prev : s->pdus[i].auth;

    for (size_t k = 0; k < reference_count(s, i); k++) {
        size_t at = (size_t)(uintptr_t)myl_map_get(s->index, ids[k]);

        if (at == 0 || at - 1 == i)
            continue;
        s->follower[s->edges] = i;
        s->next[s->edges] = s->first[at - 1];
        s->first[at - 1] = ++s->edges;
        s->waits[i]++;
    }
}

void myl_fed_sort_pdus(myl_ctx *cx, myl_list *pdus, bool by_prev)
{
    sorting s = {.pdus = pdus->at, .count = pdus->count, .by_prev = by_prev};
    fed_pdu *sorted = myl_new_array(cx, fed_pdu, pdus->count + 1);
    size_t *queue = myl_new_array(cx, size_t, pdus->count + 1), begin = 0, end = 0, edges = 0;

    s.index = myl_map_start(cx, pdus->count);
    s.waits = myl_new_array(cx, size_t, pdus->count + 1);
    s.first = myl_new_array(cx, size_t, pdus->count + 1);
    for (size_t i = 0; i < s.count; i++) {
        *myl_map_slot(s.index, s.pdus[i].id) = (void *)(uintptr_t)(i + 1);
        edges += reference_count(&s, i);
    }
    s.next = myl_new_array(cx, size_t, edges + 1);
    s.follower = myl_new_array(cx, size_t, edges + 1);
    for (size_t i = 0; i < s.count; i++)
        link_pdu(&s, i);
    /* the create event before all: from version 12 on no event names it, and all stand on it */
    for (int others = 0; others < 2; others++)
        for (size_t i = 0; i < s.count; i++)
            if (s.waits[i] == 0 && s.pdus[i].create == (others == 0))
                queue[end++] = i;
    for (; begin < end; begin++) {
        sorted[begin] = s.pdus[queue[begin]];
        for (size_t edge = s.first[queue[begin]]; edge != 0; edge = s.next[edge - 1])
            if (--s.waits[s.follower[edge - 1]] == 0)
                queue[end++] = s.follower[edge - 1];
    }
    /* what stands in a ring is left out: no server can have made it */
    if (end > 0)
        memcpy(pdus->at, sorted, end * sizeof(*sorted));
    pdus->count = end;
}

/* ---- storing ---- */

typedef struct {
    const fed_room *room;
    myl_incoming *events;
    bool *good;
    size_t count;
} outliers;

static myl_rc open_head(myl_ctx *cx, const fed_room *room, myl_room_head *head)
{
    MYL_TRY(myl_room_head_get(cx, room->room_id, head));
    head->version = room->version;
    if (head->room == 0)
        MYL_TRY(myl_store_intern(cx, MYL_INTERN_ROOM, room->room_id, &head->room));
    if (head->create == 0 && myl_str_present(room->create))
        MYL_TRY(myl_room_event_number(cx, room->create, &head->create));
    return MYL_OK;
}

static myl_rc put_outliers(myl_ctx *cx, void *arg)
{
    const outliers *o = arg;
    myl_room_head head;

    MYL_TRY(open_head(cx, o->room, &head));
    for (size_t i = 0; i < o->count; i++) {
        myl_admission admission = {.incoming = &o->events[i],
                                   .coming = MYL_COMES_OUTSIDE,
                                   .no_more = true};
        myl_admitted admitted;

        if (!o->good[i])
            continue;
        MYL_TRY(myl_room_admit(cx, &head, &admission, &admitted));
        if (head.create == 0 && myl_str_equal(o->events[i].event.event_id, o->room->create))
            head.create = admitted.stored.number;
    }
    return MYL_OK;
}

typedef struct {
    const fed_room *room;
    const fed_spool *spool; /* NULL: the texts are in memory, and nothing is checked yet */
} outlier_source;

static myl_rc read_one(myl_ctx *cx, const outlier_source *source, const fed_pdu *pdu, outliers *o)
{
    myl_incoming *incoming = &o->events[o->count];
    myl_str text = pdu->text;
    const myl_json *json;

    if (source->spool != NULL)
        MYL_TRY(myl_fed_spool_get(cx, source->spool, pdu, &text));
    if (myl_json_parse(cx, text, &json) == MYL_OK &&
        myl_incoming_read(cx, source->room->version, json, incoming) == MYL_OK)
        o->good[o->count++] = true;
    myl_forgive(cx);
    return MYL_OK;
}

/* Decodes, checks and stores one piece in a job of its own. */
static myl_rc store_piece(myl_ctx *cx, const outlier_source *source, const fed_pdu *pdus,
                          size_t count)
{
    const myl_event *events[BATCH];
    myl_incoming incoming[BATCH];
    bool good[BATCH];
    outliers o = {source->room, incoming, good, 0};

    for (size_t i = 0; i < count; i++)
        MYL_TRY(read_one(cx, source, &pdus[i], &o));
    for (size_t i = 0; i < o.count; i++)
        events[i] = &incoming[i].event;
    if (source->spool == NULL)
        MYL_TRY(myl_fed_verify_events(cx, events, o.count, good));
    return myl_fed_change(cx, "fed.outliers", put_outliers, &o);
}

myl_rc myl_fed_store_outliers(myl_ctx *cx, const fed_room *room, const myl_list *pdus,
                              const fed_spool *spool)
{
    const outlier_source source = {room, spool};
    const fed_pdu *all = pdus->at;
    myl_rc rc = MYL_OK;
    myl_ctx piece;

    myl_ctx_begin(&piece);
    for (size_t i = 0; i < pdus->count && rc == MYL_OK; i += BATCH) {
        size_t count = pdus->count - i < BATCH ? pdus->count - i : BATCH;

        rc = myl_lanes_stopping() ? MYL_STOPPING : store_piece(&piece, &source, all + i, count);
        if (rc != MYL_OK)
            (void)myl_fail(cx, rc, "%.*s", MYL_FMT(piece.error.detail));
        if (room->joining != NULL)
            MYL_DIE_AT(JOIN_EVENTS);
        myl_fed_joining_stored(room->joining, count);
        myl_ctx_reset(&piece);
    }
    myl_ctx_end(&piece);
    return rc;
}
