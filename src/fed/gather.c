/* gather.c: the events of an answer, taken while it comes: cut out, checked on other threads, kept on the disk, listed here.
 *
 * Why:     the state of a large room is more than should lie in memory, and its signatures are most of the work: they are
 *          checked while the next bytes are on their way.
 * Callers: join.c, state.c.
 * Threads: a lane gathers; BATCH events at a time go to the lane VERIFY, AT_ONCE batches at most, so who sends faster waits.
 *          Keys that are not known are fetched on the lane KEYS meanwhile; what needed them is checked at the end.
 * Memory:  of each event its id and the ids of its auth events, each text once. Batches have jobs of their own.
 * Holds:   what stays in the list has good signatures, or is stored already.
 * Spec:    Server-Server API, Validating hashes and signatures on received events.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "fed/fed_own.h"
#include "fed/rooms_own.h"

enum { BATCH = 256, AT_ONCE = 4 };

/* ---- a batch: on the lane VERIFY ---- */

typedef enum { BAD, GOOD, WAITS, KNOWN } verdict;

typedef struct {
    myl_str text;
    int which;
    size_t place; /* of one that is looked at again: in the list */
    /* what was found */
    verdict verdict;
    myl_str id;
    const myl_str *auth;
    size_t auth_count;
    int64_t depth;
    bool create;
} candidate;

typedef struct fed_batch {
    myl_job job;
    myl_queue_item item;
    fed_gather *of;
    myl_ctx cx;
    candidate all[BATCH];
    size_t count;
    myl_list wants; /* fed_key_want */
} batch;

/* A key that is wanted outlives the job in which it was found to be. */
static void keep_wants(myl_list *to, const myl_list *wants)
{
    for (size_t i = 0; i < wants->count; i++) {
        fed_key_want want = myl_list_get(wants, fed_key_want, i);

        want.server = myl_keep(to->cx, want.server);
        want.key_id = myl_keep(to->cx, want.key_id);
        myl_list_push(to, fed_key_want, want);
    }
}

static verdict judge(batch *self, myl_ctx *piece, const myl_event *event)
{
    myl_list wants = MYL_LIST(piece, fed_key_want);

    if (myl_fed_event_holds(piece, event))
        return GOOD;
    if (self->of->over) /* no more keys will come */
        return BAD;
    myl_fed_event_wants(piece, event, &wants);
    keep_wants(&self->wants, &wants);
    if (wants.count > 0)
        return WAITS;
    /* its keys may have come between the two looks */
    return myl_fed_event_holds(piece, event) ? GOOD : BAD;
}

static void look_at(batch *self, myl_ctx *piece, candidate *one)
{
    const myl_json *json;
    uint64_t number = 0;
    myl_event event;

    one->verdict = BAD;
    if (myl_json_parse(piece, one->text, &json) != MYL_OK ||
        myl_event_decode(piece, self->of->room->version, json, &event) != MYL_OK ||
        !myl_str_equal(event.room_id, self->of->room->room_id))
        return;
    one->id = myl_keep(&self->cx, event.event_id);
    one->auth = myl_fed_keep_ids(&self->cx, event.auth_events, event.auth_event_count);
    one->auth_count = event.auth_event_count;
    one->depth = event.depth;
    one->create = myl_event_is(&event, "m.room.create", MYL_S(""));
    if (myl_room_event_number(piece, event.event_id, &number) == MYL_OK && number != 0)
        one->verdict = KNOWN;
    else
        one->verdict = judge(self, piece, &event);
}

static void run_batch(myl_job *job)
{
    batch *self = MYL_OF(job, batch, job);
    myl_ctx piece;

    myl_ctx_begin(&piece);
    for (size_t i = 0; i < self->count; i++) {
        if (myl_snapshot_open(&piece, myl_fed_server()->store) != MYL_OK)
            break; /* what was not looked at is not believed */
        look_at(self, &piece, &self->all[i]);
        myl_snapshot_close(&piece);
        myl_ctx_reset(&piece);
    }
    myl_ctx_end(&piece);
    myl_fed_merge_wants(&self->cx, &self->wants);
    myl_queue_put(self->of->back, &self->item);
}

static batch *start_batch(fed_gather *g)
{
    batch *made = myl_process_alloc(sizeof(*made));

    made->job.run = run_batch;
    made->of = g;
    myl_ctx_begin(&made->cx);
    made->wants = MYL_LIST(&made->cx, fed_key_want);
    return made;
}

static void drop_batch(batch *gone)
{
    myl_ctx_end(&gone->cx);
    myl_process_free(gone);
}

/* ---- keys: on the lane KEYS, one errand at a time ---- */

struct fed_errand {
    myl_job job;
    myl_ctx cx;
    myl_list wants;
    myl_queue *back;
    myl_queue_item item;
};

static void run_errand(myl_job *job)
{
    struct fed_errand *self = MYL_OF(job, struct fed_errand, job);

    myl_fed_merge_wants(&self->cx, &self->wants);
    if (!myl_lanes_stopping())
        (void)myl_fed_keys_get(&self->cx, self->wants.at, self->wants.count);
    myl_queue_put(self->back, &self->item);
}

static struct fed_errand *start_errand(void)
{
    struct fed_errand *made = myl_process_alloc(sizeof(*made));

    made->job.run = run_errand;
    made->back = myl_queue_start(0, NULL, NULL);
    myl_ctx_begin(&made->cx);
    made->wants = MYL_LIST(&made->cx, fed_key_want);
    return made;
}

static void drop_errand(struct fed_errand *gone)
{
    if (gone == NULL)
        return;
    myl_queue_end(gone->back);
    myl_ctx_end(&gone->cx);
    myl_process_free(gone);
}

static void end_errand(fed_gather *g)
{
    if (g->under_way != NULL)
        myl_queue_take(g->under_way->back);
    drop_errand(g->under_way);
    g->under_way = NULL;
}

/* For these too. */
static void send_errand(fed_gather *g, const myl_list *wants)
{
    keep_wants(&g->next->wants, wants);
    if (g->under_way != NULL && myl_queue_length(g->under_way->back) > 0)
        end_errand(g);
    if (g->under_way != NULL || g->next->wants.count == 0)
        return;
    if (myl_lane_submit(MYL_LANE_KEYS, &g->next->job) != MYL_OK)
        return; /* with the next batch, or at the end */
    g->under_way = g->next;
    g->next = start_errand();
}

/* ---- the list ---- */

/* An id, of which there is one copy; place: of the event in the list, plus one; 0: it is not there. */
typedef struct {
    myl_str text;
    size_t place;
} one_id;

static one_id *id_of(fed_gather *g, myl_str text)
{
    one_id *found = myl_map_get(g->ids, text);

    if (found != NULL)
        return found;
    found = myl_new(g->cx, one_id);
    found->text = myl_keep(g->cx, text);
    *myl_map_slot(g->ids, found->text) = found;
    return found;
}

static myl_rc list_event(fed_gather *g, one_id *id, const candidate *one)
{
    fed_pdu *pdu;
    myl_str *auth;
    uint64_t at = 0;

    if (g->pdus.count >= MYL_LIMIT_STATE_EVENTS)
        return myl_fail(g->cx, MYL_TOO_LARGE, "the answer has too many events");
    if (one->verdict != KNOWN)
        MYL_TRY(myl_fed_spool_add(g->cx, &g->spool, one->text, &at));
    auth = myl_new_array(g->cx, myl_str, one->auth_count + 1);
    for (size_t i = 0; i < one->auth_count; i++)
        auth[i] = id_of(g, one->auth[i])->text;
    pdu = myl_list_add(&g->pdus);
    *pdu = (fed_pdu){.id = id->text,
                     .auth = auth,
                     .auth_count = one->auth_count,
                     .depth = one->depth,
                     .create = one->create,
                     .known = one->verdict == KNOWN,
                     .at = at,
                     .len = (uint32_t)one->text.len};
    id->place = g->pdus.count;
    if (one->verdict == WAITS)
        myl_list_push(&g->waiting, size_t, g->pdus.count - 1);
    return MYL_OK;
}

static myl_rc take_candidate(fed_gather *g, const candidate *one)
{
    one_id *id;

    if (one->verdict == BAD)
        return MYL_OK;
    id = id_of(g, one->id);
    if (id->place == 0)
        MYL_TRY(list_event(g, id, one));
    if (one->which == 0)
        myl_list_push(&g->state, myl_str, id->text);
    if (one->which == 0 && one->create)
        g->create = id->text;
    return MYL_OK;
}

/* One that was looked at again: what is not good now never will be. */
static void take_again(fed_gather *g, const candidate *one)
{
    fed_pdu *pdu = myl_list_at(&g->pdus, one->place);

    pdu->known = one->verdict == KNOWN;
    pdu->bad = one->verdict == BAD;
}

/* ---- batches go and come ---- */

static void take_back(fed_gather *g)
{
    batch *done = MYL_OF(myl_queue_take(g->back), batch, item);

    g->out--;
    for (size_t i = 0; i < done->count && g->rc == MYL_OK; i++) {
        if (g->over)
            take_again(g, &done->all[i]);
        else
            g->rc = take_candidate(g, &done->all[i]);
    }
    if (!g->over && g->rc == MYL_OK)
        send_errand(g, &done->wants);
    drop_batch(done);
}

static void send_batch(fed_gather *g)
{
    while (g->out >= AT_ONCE)
        take_back(g);
    g->out++;
    /* a full lane: then it is done here */
    if (myl_lane_submit(MYL_LANE_VERIFY, &g->filling->job) != MYL_OK)
        run_batch(&g->filling->job);
    g->filling = NULL;
}

static candidate *add_candidate(fed_gather *g)
{
    if (g->filling == NULL)
        g->filling = start_batch(g);
    return &g->filling->all[g->filling->count++];
}

/* ---- the answer ---- */

static void take_text(void *arg, int which, myl_str text)
{
    fed_gather *g = arg;
    candidate *one;

    if (g->rc != MYL_OK)
        return;
    if (which == FED_LISTS_OBJECT) {
        g->object = myl_keep(g->cx, text);
        return;
    }
    g->cut++;
    one = add_candidate(g);
    one->text = myl_keep(&g->filling->cx, text);
    one->which = which;
    if (g->filling->count == BATCH)
        send_batch(g);
}

static myl_rc take_bytes(void *arg, myl_str bytes)
{
    fed_gather *g = arg;

    if (g->room->joining != NULL)
        myl_fed_joining_stage(g->room->joining, MYL_JOINING_RECEIVING);
    if (myl_lanes_stopping())
        return MYL_STOPPING;
    if (!myl_fed_lists_take(&g->lists, bytes))
        return myl_fail(g->cx, MYL_REMOTE_DOWN, "the answer cannot be read");
    myl_fed_joining_received(g->room->joining, bytes.len, g->cut);
    g->cut = 0;
    while (g->out > 0 && myl_queue_length(g->back) > 0)
        take_back(g);
    return g->rc;
}

void myl_fed_gather_start(myl_ctx *cx, fed_gather *g, const fed_room *room)
{
    *g = (fed_gather){.cx = cx, .room = room, .lists = g->lists};
    g->lists.take = take_text;
    g->lists.arg = g;
    myl_fed_lists_start(&g->lists);
    g->pdus = MYL_LIST(cx, fed_pdu);
    g->state = MYL_LIST(cx, myl_str);
    g->waiting = MYL_LIST(cx, size_t);
    g->ids = myl_map_start(cx, 0);
    g->back = myl_queue_start(0, NULL, NULL);
    g->next = start_errand();
}

void myl_fed_gather_end(fed_gather *g)
{
    while (g->out > 0)
        take_back(g);
    if (g->filling != NULL)
        drop_batch(g->filling);
    end_errand(g);
    drop_errand(g->next);
    myl_queue_end(g->back);
    myl_fed_lists_end(&g->lists);
    myl_fed_spool_close(&g->spool);
}

myl_rc myl_fed_gather_call(fed_gather *g, const myl_fed_request *request, myl_fed_reply *reply)
{
    const myl_fed_taker taker = {take_bytes, g};

    if (g->spool.buffer == NULL)
        MYL_TRY(myl_fed_spool_open(g->cx, &g->spool));
    MYL_TRY(myl_fed_call_taking(g->cx, request, &taker, reply));
    if (reply->status == 200 && !myl_fed_lists_are_whole(&g->lists))
        return myl_fail(g->cx, MYL_REMOTE_DOWN, "the answer cannot be read");
    return MYL_OK;
}

/* ---- its end ---- */

/* What needed keys that were not known. */
static myl_rc look_again(fed_gather *g)
{
    for (size_t i = 0; i < g->waiting.count && g->rc == MYL_OK; i++) {
        size_t place = myl_list_get(&g->waiting, size_t, i);
        candidate *one = add_candidate(g);

        one->place = place;
        g->rc =
            myl_fed_spool_get(&g->filling->cx, &g->spool, myl_list_at(&g->pdus, place), &one->text);
        if (g->filling->count == BATCH)
            send_batch(g);
    }
    if (g->filling != NULL && g->rc == MYL_OK)
        send_batch(g);
    while (g->out > 0)
        take_back(g);
    return g->rc;
}

/* What stays is to be stored. */
static void drop_others(fed_gather *g)
{
    fed_pdu *all = g->pdus.at;
    size_t kept = 0;

    for (size_t i = 0; i < g->pdus.count; i++)
        if (!all[i].bad && !all[i].known)
            all[kept++] = all[i];
    g->pdus.count = kept;
}

myl_rc myl_fed_gather_finish(fed_gather *g)
{
    if (g->filling != NULL)
        send_batch(g);
    while (g->out > 0)
        take_back(g);
    if (g->rc != MYL_OK)
        return g->rc;
    MYL_TRY(myl_fed_spool_flush(g->cx, &g->spool));
    end_errand(g);
    if (g->next->wants.count > 0) {
        myl_fed_merge_wants(&g->next->cx, &g->next->wants);
        MYL_TRY(myl_fed_keys_get(&g->next->cx, g->next->wants.at, g->next->wants.count));
    }
    g->over = true;
    MYL_TRY(look_again(g));
    drop_others(g);
    return MYL_OK;
}
