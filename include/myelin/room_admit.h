/* room_admit.h: events that come from other servers.
 *
 * A PDU is read and its signatures are checked before (myl_incoming_read, fed_keys.h); then, inside a change, it goes through
 * the specification's checks in order: its auth events, the state before it, the current state. Every verdict is stored with
 * it. What is not here is named, never fetched: the caller fetches and asks again.
 * Spec: Server-Server API, PDUs, Checks performed on receipt of a PDU; Room State Resolution; Backfilling.
 * Threads: myl_incoming_read any; the rest the engine, inside a change (those that only read: as the transaction).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MYELIN_ROOM_ADMIT_H
#define MYELIN_ROOM_ADMIT_H

#include <myelin/room_state.h>
#include <myelin/room_timeline.h>

/* A foreign PDU on its way in. Lives in the job. */
typedef struct {
    myl_event event; /* in its redacted form when its content hash did not match */
    myl_str bytes;   /* canonical, without `unsigned`: what is stored */
    bool hash_failed;
    bool policy_signed; /* the room's policy server has signed it, with this key (fed_policy.h) */
    uint8_t policy_key[32];
} myl_incoming;
/* Format, size, id and content hash. MYL_BAD_EVENT, MYL_EVENT_TOO_LARGE: such a PDU is dropped. */
myl_rc myl_incoming_read(myl_ctx *cx, const myl_room_version *version, const myl_json *pdu,
                         myl_incoming *out);

typedef enum {
    MYL_COMES_NEW,    /* sent to us: it moves the room */
    MYL_COMES_BEHIND, /* older history: it never arrives for /sync */
    MYL_COMES_OUTSIDE /* an outlier: part of a state or an auth chain, not placed */
} myl_coming;

typedef struct {
    const myl_incoming *incoming; /* its signatures are good */
    myl_coming coming;
    /* The state before it as another server says (state_ids), where prev events are missing. */
    bool state_given; /* as a root, or by the numbers of its events: */
    myl_tree_root state;
    /* in the job; of two for one key the last counts; rejected ones, and those of other rooms, are left out. NULL: it is the root */
    const uint64_t *told;
    size_t told_count;
    bool alone; /* NEW: a join from outside: it replaces all newest events of an older stay */
    bool
        no_more; /* what is missing cannot be had: auth events that are missing count as rejected */
    uint64_t led_to;          /* BEHIND: number of the event that named it; 0: none */
    uint32_t flags;           /* MYL_EVENT_OUTGOING or 0 */
    const myl_caller *caller; /* who of ours sent it, with this transaction id; NULL: nobody */
    myl_str txn_id;
} myl_admission;

typedef enum {
    MYL_ADMIT_ACCEPTED,
    MYL_ADMIT_SOFT_FAILED,
    MYL_ADMIT_REJECTED, /* stored, shown to nobody */
    MYL_ADMIT_KNOWN,    /* it is here already, placed */
    MYL_ADMIT_MISSING   /* nothing was stored */
} myl_admit_kind;
typedef struct {
    myl_admit_kind kind;
    myl_verdict verdict; /* REJECTED and SOFT_FAILED: why */
    myl_stored stored;   /* not for MISSING */
    const myl_str *missing_auth;
    size_t missing_auth_count;
    const myl_str *missing_prev;
    size_t missing_prev_count;
} myl_admitted;

/* Puts the head when it changes. `head` is the room's; where there is none yet (a room that is being imported) it has room,
 * room_id and version, and only outliers may come. MYL_CORRUPT and the like only for faults of ours. */
myl_rc myl_room_admit(myl_ctx *cx, myl_room_head *head, const myl_admission *admission,
                      myl_admitted *out);

/* ---- states that are resolved before the change ---- */
/* A job that can go to a lane and back says so with a desk, cx->ahead. Then myl_room_admit answers MYL_UNRESOLVED where states
 * meet whose resolution (or a told state whose making) would hold the engine for more than RESOLVE_MS; nothing of the change is
 * kept, and `waiting` names the event. On a lane the job has it numbered (a change), resolves on a snapshot, and runs its change again. */
struct myl_room_ahead {
    myl_list done; /* ahead.c's: resolutions, and states that were told */
    myl_list told;
    myl_str room_id;
    myl_admission waiting; /* its incoming must live in the job */
    int64_t hold_ms;       /* RESOLVE_MS; 0: the engine resolves nothing (tests) */
    int rounds;            /* the lane's: how often in a row */
    bool given_up;         /* the room moves on too fast: the change takes the time that it takes */
};
void myl_room_ahead_start(myl_ctx *cx);
/* In a change: a state event that waits becomes an outlier, for states hold numbers of events. */
myl_rc myl_room_ahead_number(myl_ctx *cx);
/* On a snapshot: does what myl_room_admit would, but writes nothing; what it resolves is found by the change. MYL_STOPPING. */
myl_rc myl_room_ahead_resolve(myl_ctx *cx);

/* ---- states that others tell ---- */
/* Of `ids` those that are not stored (at all, placed or not). */
myl_rc myl_room_unknown(myl_ctx *cx, const myl_str *ids, size_t count, const myl_str **unknown,
                        size_t *unknown_count);

/* ---- gaps ---- */
/* Prev events of an event that are not placed here. */
myl_rc myl_room_missing_prevs(myl_ctx *cx, const myl_event *event, const myl_str **ids,
                              size_t *count);
/* Does history that others have lie just before this event? */
myl_rc myl_room_is_gap(myl_ctx *cx, const myl_stored *stored, bool *out);
/* The nearest event at or before a place in the reading order that has a gap before it; 0: none. */
myl_rc myl_room_gap_before(myl_ctx *cx, uint64_t room, myl_point place, uint64_t *number);

/* ---- a room that comes as a whole: a remote join ---- */
typedef struct {
    myl_str room_id;
    const myl_room_version *version;
    myl_str create;           /* id of the create event */
    const myl_incoming *join; /* the member event, checked */
    myl_list wanted;          /* myl_tree_entry: the state before the join */
    /* the plan: what turns the room's state into that */
    myl_tree_root base; /* the state that the next step must find */
    const myl_tree_entry *changes;
    size_t change_count;
    size_t early; /* so many go before the last step, in pieces; none of them is a member of ours */
    /* out, of a step */
    bool moved; /* the state is another one meanwhile: nothing was done, a new plan is needed */
    myl_tree_root reached; /* by a piece: the base of the next step, once it is committed */
} myl_room_import;
/* Adds the state events among these, which have been stored as outliers, to what is wanted (a list of the caller's job). What is not
 * here or was rejected is left out; of two for one key the last counts. On a snapshot. */
myl_rc myl_room_import_want(myl_ctx *cx, myl_room_import *import, const myl_str *ids, size_t count);
/* Fills the plan, in the job. On a snapshot. */
myl_rc myl_room_import_plan(myl_ctx *cx, myl_room_import *import);
/* A piece of the plan, each in a change of its own: changes[from, from + count). The room has a head, state and members so far
 * then, is nobody's, and has no newest events; a crash leaves a room that a later join goes on with. */
myl_rc myl_room_import_piece(myl_ctx *cx, myl_room_import *import, size_t from, size_t count);
/* The last step: makes the room (or takes it up again), with its members, at the join. MYL_FORBIDDEN when the join is not
 * allowed by that state; MYL_BAD_STATE when the state is none. `number`: the join. */
myl_rc myl_room_import_finish(myl_ctx *cx, myl_room_import *import, uint64_t *number);

#endif
