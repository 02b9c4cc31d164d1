/* room_state.h: rooms, their heads, current state and members.
 *
 * The head of a room (version, forward extremities, current state root, counts) is one row. Membership has
 * indexes of its own, kept in the same change as the state tree. All functions run inside cx->txn.
 * Threads: as the transaction.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MYELIN_ROOM_STATE_H
#define MYELIN_ROOM_STATE_H

#include <myelin/base_list.h>
#include <myelin/room_event.h>
#include <myelin/rules_auth.h>

typedef struct {
    uint64_t room; /* interned; 0: the room is not known here */
    myl_str room_id;
    const myl_room_version *version;
    uint64_t create;          /* number of the create event */
    bool has_type;            /* `type` was looked up */
    uint64_t type;            /* interned name of the room's type ("m.space"); 0: none */
    myl_tree_root state;      /* current state */
    uint64_t newest;          /* position of the newest change of its timeline */
    uint64_t bump;            /* the same of the newest event that counts as activity (MSC4186) */
    int64_t depth;            /* largest stored depth */
    uint32_t joined, invited; /* members */
    uint32_t extremity_count;
    uint64_t extremities[MYL_LIMIT_EXTREMITIES]; /* numbers, ascending */
} myl_room_head;

/* All but room_id, which costs a look-up of its own. */
myl_rc myl_room_head_brief(myl_ctx *cx, uint64_t room, myl_room_head *out);
/* room 0 when the id is unknown. */
myl_rc myl_room_head_get(myl_ctx *cx, myl_str room_id, myl_room_head *out);
myl_rc myl_room_head_of(myl_ctx *cx, uint64_t room, myl_room_head *out);
/* MYL_NOT_FOUND "room … is not known" when room is 0; for callers who would otherwise leak use myl_room_require_joined. */
myl_rc myl_room_require(myl_ctx *cx, myl_str room_id, myl_room_head *out);

/* ---- state by name: event number, 0 when there is none ---- */
myl_rc myl_room_state_number(myl_ctx *cx, myl_tree_root root, const char *type, myl_str state_key,
                             uint64_t *number);
/* The event, when there is one (number 0 otherwise). */
myl_rc myl_room_state_event(myl_ctx *cx, myl_tree_root root, const char *type, myl_str state_key,
                            myl_stored *out);
/* Content; NULL when there is none. */
myl_rc myl_room_state_content(myl_ctx *cx, myl_tree_root root, const char *type, myl_str state_key,
                              const myl_json **out);
/* Numbers of all state events of a root, ascending. */
myl_rc myl_room_state_all(myl_ctx *cx, myl_tree_root root, const uint64_t **numbers, size_t *count);
/* Judges an event by the auth rules against the state at a root; `create` is the room's create event, 0 for itself. */
myl_rc myl_room_judge(myl_ctx *cx, const myl_event *event, uint64_t create, myl_tree_root root,
                      myl_verdict *out);
/* The current state as it was at a position: where histories met, that is not the state after the newest event. */
myl_rc myl_room_state_at(myl_ctx *cx, uint64_t room, uint64_t position, myl_tree_root *out);
/* The same; it has been so since the position *from. */
myl_rc myl_room_state_since(myl_ctx *cx, uint64_t room, uint64_t position, myl_tree_root *out,
                            uint64_t *from);
/* Power levels of the current state. */
myl_rc myl_room_power(myl_ctx *cx, const myl_room_head *head, myl_power *out);

/* ---- members ---- */
typedef enum {
    MYL_MEMBER_NONE,
    MYL_MEMBER_INVITE,
    MYL_MEMBER_JOIN,
    MYL_MEMBER_LEAVE,
    MYL_MEMBER_BAN,
    MYL_MEMBER_KNOCK
} myl_membership;
/* Joined, invited or knocking: in the room, or on the way into it. */
bool myl_membership_is_live(myl_membership membership);
myl_str myl_membership_name(myl_membership membership); /* "join"; NONE: absent */
myl_membership myl_membership_of(myl_str name);         /* unknown: NONE */
typedef struct {
    uint64_t room, user;
    myl_membership membership;
    uint64_t event;    /* number of the member event */
    uint64_t position; /* when it came to be so */
    bool forgotten;
} myl_member;
/* Current membership; NONE when there never was one. */
myl_rc myl_room_member(myl_ctx *cx, uint64_t room, uint64_t user, myl_member *out);
/* Membership at a state root. */
myl_rc myl_room_member_at(myl_ctx *cx, myl_tree_root root, uint64_t user, myl_membership *out);
/* MYL_NOT_JOINED unless the user is joined now (also for an unknown room); fills head. */
myl_rc myl_room_require_joined(myl_ctx *cx, myl_str room_id, const myl_caller *caller,
                               myl_room_head *head);
/* Rooms of a local user with one of the memberships (bit mask 1 << membership), ascending by room. */
myl_rc myl_room_of_user(myl_ctx *cx, uint64_t user, unsigned memberships, const myl_member **rooms,
                        size_t *count);
/* Those of `numbers` (uint64_t, ascending, each once) that are rooms of the user, whatever the membership. Costs the shorter
 * of the two lists. */
myl_rc myl_room_of_user_among(myl_ctx *cx, uint64_t user, const myl_list *numbers,
                              const myl_member **rooms, size_t *count);
/* Has the user more rooms than this, left ones counted? */
myl_rc myl_room_of_user_more_than(myl_ctx *cx, uint64_t user, size_t limit, bool *out);
/* Users joined to a room, ascending. */
myl_rc myl_room_joined(myl_ctx *cx, uint64_t room, const uint64_t **users, size_t *count);
/* At most `limit` of those behind `after`, from which the next go on; 0: from the first. */
myl_rc myl_room_joined_after(myl_ctx *cx, uint64_t room, uint64_t after, size_t limit,
                             myl_list *users);
/* Members of a room with any membership (myl_member), by user, at most `limit`. */
myl_rc myl_room_some_members(myl_ctx *cx, uint64_t room, size_t limit, myl_list *out);
/* The user no longer wants to see a room that they left. MYL_BAD_REQUEST while joined or invited. */
myl_rc myl_room_forget(myl_ctx *cx, uint64_t room, uint64_t user);

/* ---- what a reader may see (spec: Room history visibility) ---- */
/* One reader's view of history in one transaction; start it as (myl_sight){.user = user}, 0: nobody. The other fields
 * are visibility.c's memory: what the state last looked at says, and that the user was joined at event `joined_at`. */
typedef struct {
    uint64_t user;
    bool all; /* an administrator's: everything that has not expired */
    bool begun;
    uint64_t member_type, visibility_type, empty_key; /* interned */
    myl_tree_root root;
    uint64_t visibility_event, member_event;
    int visibility;
    myl_membership membership;
    uint64_t joined_in, joined_at;
    myl_tree_root
        now_state; /* a current state, and what it says of the user (myl_room_sight_now) */
    uint64_t now_event;
    uint64_t kept_room; /* retention.c's: of this room messages since then are shown */
    int64_t kept_since;
} myl_sight;
/* Saves looking for what is known: the reader's row of members goes with the room's current state. */
void myl_room_sight_now(myl_sight *sight, const myl_room_head *head, const myl_member *member);
/* May the reader see this event? Judged by the state at the event and the memberships then and now. */
myl_rc myl_room_may_see(myl_ctx *cx, myl_sight *sight, const myl_stored *stored, bool *out);
/* What a member event says, by its number; 0: NONE. */
myl_rc myl_room_membership_of(myl_ctx *cx, uint64_t number, myl_membership *out);
/* The reader's membership at the event, as unsigned.membership says it: "leave" where they never were there; absent for
 * nobody. */
myl_rc myl_room_membership_then(myl_ctx *cx, myl_sight *sight, const myl_stored *stored,
                                myl_str *out);
/* What part of the state may the user read: the current one when joined (or the room is world readable), the one
 * at their leave when they left, MYL_NOT_JOINED otherwise. */
myl_rc myl_room_readable_state(myl_ctx *cx, const myl_room_head *head, uint64_t user,
                               myl_tree_root *out);

#endif
