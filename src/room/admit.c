/* admit.c: an event of another server on its way into a room: the checks in the specification's order.
 *
 * Why:     every verdict is a look-up of states that are roots; nothing is fetched here, so the whole runs without a network.
 * Callers: fed/ (transactions, joins, backfill, missing events), api/server (what we are asked to sign), tests.
 * Threads: the engine; a lane before it, where much is to be resolved (room_admit.h).
 * Holds:   a rejected event has places and states, so that what follows it can be judged; it changes no state. A soft-failed
 *          event changes the state after it, but moves nothing and is shown to nobody.
 * Spec:    Server-Server API, Checks performed on receipt of a PDU; Rejection; Soft failure.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <myelin/room_admit.h>
#include <myelin/room_policy.h>

#include "room/room_own.h"

typedef struct {
    myl_ctx *cx;
    myl_room_head *head;
    const myl_admission *in;
    const myl_event *event;
    myl_admitted *out;
    const myl_event **auth; /* NULL: not known */
    const myl_event *create;
    myl_list prevs;     /* numbers of the placed ones */
    myl_list missing;   /* ids of the others */
    int64_t prev_depth; /* the largest */
    myl_tree_root before;
    bool was_outlier;
} admitting;

/* ---- what is here ---- */

static myl_rc find_auth(admitting *a)
{
    myl_list missing = MYL_LIST(a->cx, myl_str);

    a->auth = myl_new_array(a->cx, const myl_event *, a->event->auth_event_count + 1);
    for (size_t i = 0; i < a->event->auth_event_count; i++) {
        uint64_t number;

        MYL_TRY(myl_room_event_number(a->cx, a->event->auth_events[i], &number));
        if (number != 0)
            MYL_TRY(myl_room_decoded(a->cx, number, &a->auth[i]));
        else
            myl_list_push(&missing, myl_str, a->event->auth_events[i]);
    }
    if (a->head->create != 0)
        MYL_TRY(myl_room_decoded(a->cx, a->head->create, &a->create));
    a->out->missing_auth = missing.at;
    a->out->missing_auth_count = missing.count;
    return MYL_OK;
}

static myl_rc find_prev(admitting *a, myl_str id)
{
    myl_stored stored = {.flags = MYL_EVENT_OUTLIER};
    uint64_t number;

    MYL_TRY(myl_room_event_number(a->cx, id, &number));
    if (number != 0)
        MYL_TRY(myl_room_event(a->cx, number, &stored));
    if ((stored.flags & MYL_EVENT_OUTLIER) != 0 || stored.room != a->head->room) {
        myl_list_push(&a->missing, myl_str, id);
        return MYL_OK;
    }
    if (stored.depth > a->prev_depth)
        a->prev_depth = stored.depth;
    myl_list_push(&a->prevs, uint64_t, number);
    return MYL_OK;
}

static myl_rc find_prevs(admitting *a)
{
    a->prevs = MYL_LIST(a->cx, uint64_t);
    a->missing = MYL_LIST(a->cx, myl_str);
    a->prev_depth = INT64_MIN;
    for (size_t i = 0; a->in->coming != MYL_COMES_OUTSIDE && i < a->event->prev_event_count; i++)
        MYL_TRY(find_prev(a, a->event->prev_events[i]));
    a->out->missing_prev = a->missing.at;
    a->out->missing_prev_count = a->missing.count;
    return MYL_OK;
}

/* ---- verdicts ---- */

static const myl_event *find_in_auth(void *arg, const char *type, myl_str state_key)
{
    const admitting *a = arg;

    for (size_t i = 0; i < a->event->auth_event_count; i++)
        if (a->auth[i] != NULL && myl_event_is(a->auth[i], type, state_key))
            return a->auth[i];
    /* versions whose auth events leave the create event out */
    return strcmp(type, "m.room.create") == 0 && state_key.len == 0 ? a->create : NULL;
}

static void judge_by_auth_events(admitting *a)
{
    myl_auth_state state = {find_in_auth, a};
    myl_verdict *verdict = &a->out->verdict;

    *verdict =
        myl_rules_auth_events(a->cx, a->event, a->auth, a->event->auth_event_count, a->create);
    if (verdict->allowed)
        *verdict = myl_rules_auth(a->cx, a->event, &state);
    if (!verdict->allowed)
        a->out->kind = MYL_ADMIT_REJECTED;
}

/* Spec: check 7. The lane has mostly verified the signature already. */
static myl_rc judge_by_policy(admitting *a)
{
    const myl_incoming *incoming = a->in->incoming;
    myl_room_policy policy;

    if (a->out->kind != MYL_ADMIT_ACCEPTED || !myl_room_policy_covers(a->event))
        return MYL_OK;
    MYL_TRY(myl_room_policy_of(a->cx, a->head, &policy));
    if (!myl_str_present(policy.server) ||
        (incoming->policy_signed &&
         memcmp(incoming->policy_key, policy.key, sizeof(policy.key)) == 0) ||
        myl_room_policy_holds(a->cx, &policy, a->event))
        return MYL_OK;
    a->out->kind = MYL_ADMIT_SOFT_FAILED;
    a->out->verdict = (myl_verdict){false, "policy", "the room's policy server has not signed it"};
    return MYL_OK;
}

static myl_rc judge_by_current(admitting *a)
{
    if (a->before != a->head->state)
        MYL_TRY(myl_room_judge(a->cx, a->event, a->head->create, a->head->state, &a->out->verdict));
    if (!a->out->verdict.allowed)
        a->out->kind = MYL_ADMIT_SOFT_FAILED;
    return judge_by_policy(a);
}

static myl_rc judge_by_state(admitting *a)
{
    MYL_TRY(myl_room_judge(a->cx, a->event, a->head->create, a->before, &a->out->verdict));
    if (!a->out->verdict.allowed)
        a->out->kind = MYL_ADMIT_REJECTED;
    if (a->out->kind == MYL_ADMIT_REJECTED || a->in->coming != MYL_COMES_NEW || a->in->alone)
        return MYL_OK;
    return judge_by_current(a);
}

static myl_rc find_state_before(admitting *a)
{
    a->before = 0;
    if (a->in->state_given && a->in->told != NULL)
        return myl_room_ahead_told(a->cx,
                                   &(myl_told_state){a->head->room, a->head->state, a->in->told,
                                                     a->in->told_count},
                                   &a->before);
    if (a->in->state_given)
        a->before = a->in->state;
    else if (a->prevs.count > 0)
        return myl_room_resolve_events(a->cx, a->head, a->prevs.at, a->prevs.count, &a->before);
    return MYL_OK;
}

static myl_rc judge(admitting *a)
{
    bool rejected = a->was_outlier && (a->out->stored.flags & MYL_EVENT_REJECTED) != 0;

    a->out->kind = rejected ? MYL_ADMIT_REJECTED : MYL_ADMIT_ACCEPTED;
    judge_by_auth_events(a);
    if (a->in->coming == MYL_COMES_OUTSIDE)
        return MYL_OK;
    MYL_TRY(find_state_before(a));
    return a->out->kind == MYL_ADMIT_REJECTED ? MYL_OK : judge_by_state(a);
}

/* ---- its place ---- */

/* Spec: none; docs/architecture.md, Two orders. */
static myl_rc stored_depth(admitting *a, int64_t *out)
{
    int64_t claimed = a->event->depth, most = claimed;
    myl_stored led_to;

    if (a->prevs.count > 0) {
        most = a->prev_depth < INT64_MAX ? a->prev_depth + 1 : INT64_MAX;
    } else if (a->in->led_to != 0) {
        MYL_TRY(myl_room_event(a->cx, a->in->led_to, &led_to));
        most = led_to.depth - 1;
    } else if (a->head->depth > 0 && a->head->depth < INT64_MAX - MYL_LIMIT_GAP_DEPTH) {
        most = a->head->depth + MYL_LIMIT_GAP_DEPTH;
    }
    *out = claimed < most ? claimed : most;
    return MYL_OK;
}

static uint32_t flags_of(const admitting *a)
{
    uint32_t flags = a->in->flags;

    if (a->in->incoming->hash_failed)
        flags |= MYL_EVENT_HASH_FAILED;
    if (a->in->coming == MYL_COMES_OUTSIDE)
        flags |= MYL_EVENT_OUTLIER;
    if (a->out->kind == MYL_ADMIT_REJECTED)
        flags |= MYL_EVENT_REJECTED;
    if (a->out->kind == MYL_ADMIT_SOFT_FAILED)
        flags |= MYL_EVENT_SOFT_FAILED;
    return flags;
}

static void forget_decoded(void *arg)
{
    myl_room_cache_forget(*(const uint64_t *)arg);
}

/* An outlier gets its place. */
static myl_rc settle(admitting *a, myl_event_place *place)
{
    myl_stored *stored = &a->out->stored;
    myl_tree_entry entry = {stored->type, stored->state_key, stored->number};
    uint64_t *number = myl_new(a->cx, uint64_t);

    *number = stored->number;
    myl_engine_after_commit(a->cx, forget_decoded, number);
    place->after = place->before;
    if (stored->state_key != 0 && a->out->kind != MYL_ADMIT_REJECTED)
        MYL_TRY(myl_tree_change(a->cx, myl_store_nodes(a->cx), place->before, &entry, 1,
                                &place->after));
    return myl_room_event_settle(a->cx, place, stored);
}

static myl_rc hold(admitting *a, myl_event_place *place)
{
    bool held;

    MYL_TRY(myl_room_must_hold(a->cx, a->head, a->event, &held));
    if (held) {
        place->flags |= MYL_EVENT_HELD;
        place->arrives = false;
    }
    return MYL_OK;
}

static myl_rc store(admitting *a)
{
    myl_event_place place = {
        .event = a->event,
        .bytes = a->in->incoming->bytes,
        .room = a->head->room,
        .flags = flags_of(a),
        .before = a->before,
        .arrives = a->in->coming == MYL_COMES_NEW && a->out->kind == MYL_ADMIT_ACCEPTED,
    };

    if (a->in->caller != NULL && myl_str_present(a->in->txn_id)) {
        place.device = a->in->caller->device;
        place.txn_id = a->in->txn_id;
    }
    if (a->in->coming == MYL_COMES_OUTSIDE)
        return myl_room_event_put(a->cx, &place, &a->out->stored);
    if (a->out->kind == MYL_ADMIT_ACCEPTED && (place.flags & MYL_EVENT_OUTGOING) == 0)
        MYL_TRY(hold(a, &place));
    MYL_TRY(stored_depth(a, &place.depth));
    if (a->was_outlier)
        return settle(a, &place);
    return myl_room_store_placed(a->cx, a->event, &place, &a->out->stored);
}

/* ---- what follows from it ---- */

static myl_rc follow_up(admitting *a)
{
    const myl_stored *stored = &a->out->stored;
    myl_advance advance = {stored, a->prevs.at, a->prevs.count, false, a->in->alone};

    if (a->in->coming == MYL_COMES_OUTSIDE)
        return MYL_OK;
    MYL_TRY(myl_room_gap_filled(a->cx, a->head->room, a->event->event_id, &advance.old));
    if (a->out->kind != MYL_ADMIT_ACCEPTED)
        return MYL_OK;
    MYL_TRY(myl_room_gap_add(a->cx, stored, a->missing.at, a->missing.count));
    if (a->in->coming == MYL_COMES_NEW) {
        MYL_TRY(myl_room_advance(a->cx, a->head, &advance));
        MYL_TRY(myl_room_head_put(a->cx, a->head));
    }
    if (myl_str_equal(a->event->type, MYL_S("m.room.redaction")))
        MYL_TRY(myl_room_apply_redaction(a->cx, a->head, a->event, stored));
    return myl_room_apply_early(a->cx, a->head, stored);
}

/* Is it here with all that can be known of it? */
static myl_rc look_up(admitting *a, bool *done)
{
    myl_stored *stored = &a->out->stored;
    uint64_t number;

    *done = false;
    MYL_TRY(myl_room_event_number(a->cx, a->event->event_id, &number));
    if (number == 0)
        return MYL_OK;
    MYL_TRY(myl_room_event(a->cx, number, stored));
    a->was_outlier = (stored->flags & MYL_EVENT_OUTLIER) != 0;
    *done = !a->was_outlier || a->in->coming == MYL_COMES_OUTSIDE || stored->room != a->head->room;
    a->out->kind = MYL_ADMIT_KNOWN;
    return MYL_OK;
}

static void wait_for_lane(const admitting *a)
{
    struct myl_room_ahead *ahead = a->cx->ahead;

    ahead->room_id = myl_keep(a->cx, a->head->room_id);
    ahead->waiting = *a->in;
}

myl_rc myl_room_admit(myl_ctx *cx, myl_room_head *head, const myl_admission *admission,
                      myl_admitted *out)
{
    admitting a = {
        .cx = cx, .head = head, .in = admission, .event = &admission->incoming->event, .out = out};
    myl_rc rc;
    bool done;

    memset(out, 0, sizeof(*out));
    if (!myl_str_equal(a.event->room_id, head->room_id)) {
        out->kind = MYL_ADMIT_REJECTED;
        out->verdict = (myl_verdict){false, "", "the event is of another room"};
        return MYL_OK;
    }
    MYL_TRY(look_up(&a, &done));
    if (done)
        return MYL_OK;
    MYL_TRY(find_auth(&a));
    MYL_TRY(find_prevs(&a));
    if ((out->missing_auth_count > 0 && !admission->no_more) ||
        (a.missing.count > 0 && !admission->state_given)) {
        out->kind = MYL_ADMIT_MISSING;
        return MYL_OK;
    }
    rc = judge(&a);
    if (rc == MYL_OK)
        rc = store(&a);
    if (rc == MYL_OK)
        rc = follow_up(&a);
    if (rc == MYL_UNRESOLVED && cx->ahead != NULL)
        wait_for_lane(&a);
    return rc;
}

/* ---- before the change ---- */

myl_rc myl_room_ahead_number(myl_ctx *cx)
{
    const struct myl_room_ahead *ahead = cx->ahead;
    myl_admission admission = {.incoming = ahead->waiting.incoming, .coming = MYL_COMES_OUTSIDE};
    myl_admitted admitted;
    myl_room_head head;

    if (!myl_str_present(ahead->waiting.incoming->event.state_key))
        return MYL_OK;
    MYL_TRY(myl_room_require(cx, ahead->room_id, &head));
    return myl_room_admit(cx, &head, &admission, &admitted);
}

/* The current state with the event that waits; an event without state key needs no number. */
static myl_rc advance_ahead(admitting *a)
{
    myl_stored stored = a->out->stored;
    myl_tree_entry entry = {stored.type, stored.state_key, stored.number};
    myl_advance advance = {&stored, a->prevs.at, a->prevs.count, false, a->in->alone};
    myl_tree_root after = a->before;

    if (stored.number == 0)
        stored.number = UINT64_MAX;
    else if (stored.state_key != 0)
        MYL_TRY(myl_tree_change(a->cx, myl_store_nodes(a->cx), a->before, &entry, 1, &after));
    return myl_room_advance_ahead(a->cx, a->head, &advance, after);
}

myl_rc myl_room_ahead_resolve(myl_ctx *cx)
{
    const struct myl_room_ahead *ahead = cx->ahead;
    myl_admitted out = {.kind = MYL_ADMIT_KNOWN};
    myl_room_head head;
    admitting a = {.cx = cx,
                   .head = &head,
                   .in = &ahead->waiting,
                   .event = &ahead->waiting.incoming->event,
                   .out = &out};
    bool done;

    MYL_TRY(myl_room_require(cx, ahead->room_id, &head));
    myl_snapshot_scratch(cx);
    MYL_TRY(look_up(&a, &done));
    if (done)
        return MYL_OK;
    MYL_TRY(find_auth(&a));
    MYL_TRY(find_prevs(&a));
    MYL_TRY(judge(&a));
    if (out.kind != MYL_ADMIT_ACCEPTED || a.in->coming != MYL_COMES_NEW)
        return MYL_OK;
    return advance_ahead(&a);
}

/* ---- states that others tell ---- */

typedef struct {
    myl_list entries; /* myl_tree_entry: what is in the base */
} base_walk;

static myl_rc collect_entry(void *arg, const myl_tree_entry *entry)
{
    myl_list_push((myl_list *)arg, myl_tree_entry, *entry);
    return MYL_OK;
}

static int compare_entries(const void *a, const void *b)
{
    const myl_tree_entry *x = a, *y = b;

    if (x->type != y->type)
        return x->type < y->type ? -1 : 1;
    return x->state_key < y->state_key ? -1 : x->state_key > y->state_key;
}

/* Of two sorted lists without double keys: what changes `base` into `want`. */
static void changes_between(const myl_list *base, const myl_list *want, myl_list *out)
{
    const myl_tree_entry *b = base->at, *w = want->at;
    size_t i = 0, k = 0;

    while (i < base->count || k < want->count) {
        int order = i == base->count ? 1 : k == want->count ? -1 : compare_entries(&b[i], &w[k]);

        if (order < 0) {
            myl_list_push(out, myl_tree_entry, ((myl_tree_entry){b[i].type, b[i].state_key, 0}));
            i++;
        } else if (order > 0) {
            myl_list_push(out, myl_tree_entry, w[k]);
            k++;
        } else {
            if (b[i].event != w[k].event)
                myl_list_push(out, myl_tree_entry, w[k]);
            i++;
            k++;
        }
    }
}

static void drop_double_keys(myl_list *entries)
{
    myl_tree_entry *at = entries->at;
    size_t kept = 0;

    for (size_t i = 0; i < entries->count; i++)
        if (kept > 0 && compare_entries(&at[kept - 1], &at[i]) == 0)
            at[kept - 1] = at[i];
        else
            at[kept++] = at[i];
    entries->count = kept;
}

myl_rc myl_room_state_difference(myl_ctx *cx, myl_tree_root base, myl_list *want, myl_list *out)
{
    myl_list have = MYL_LIST(cx, myl_tree_entry);

    if (base != 0)
        MYL_TRY(myl_tree_walk(cx, myl_store_nodes(cx), base, 0, collect_entry, &have));
    myl_list_sort(&have, compare_entries);
    myl_list_sort(want, compare_entries);
    drop_double_keys(want);
    changes_between(&have, want, out);
    return MYL_OK;
}

myl_rc myl_room_state_entry(myl_ctx *cx, uint64_t room, uint64_t number, myl_list *out)
{
    myl_stored stored;

    MYL_TRY(myl_room_event(cx, number, &stored));
    if (stored.room == room && stored.state_key != 0 && (stored.flags & MYL_EVENT_REJECTED) == 0)
        myl_list_push(out, myl_tree_entry,
                      ((myl_tree_entry){stored.type, stored.state_key, number}));
    return MYL_OK;
}

myl_rc myl_room_told_changes(myl_ctx *cx, const myl_told_state *told, myl_list *out)
{
    myl_list want = MYL_LIST(cx, myl_tree_entry);

    for (size_t i = 0; i < told->count; i++)
        MYL_TRY(myl_room_state_entry(cx, told->room, told->events[i], &want));
    return myl_room_state_difference(cx, told->base, &want, out);
}

myl_rc myl_room_unknown(myl_ctx *cx, const myl_str *ids, size_t count, const myl_str **unknown,
                        size_t *unknown_count)
{
    myl_list list = MYL_LIST(cx, myl_str);

    for (size_t i = 0; i < count; i++) {
        uint64_t number;

        MYL_TRY(myl_room_event_number(cx, ids[i], &number));
        if (number == 0)
            myl_list_push(&list, myl_str, ids[i]);
    }
    *unknown = list.at;
    *unknown_count = list.count;
    return MYL_OK;
}
