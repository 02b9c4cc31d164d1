/* room_own.h: declarations that only room/ needs.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ROOM_OWN_H
#define ROOM_OWN_H

#include <myelin/base_clock.h>
#include <myelin/base_list.h>
#include <myelin/room_hierarchy.h>
#include <myelin/room_policy.h>
#include <myelin/room_send.h>
#include <myelin/room_servers.h>
#include <myelin/room_timeline.h>
#include <myelin/rules_auth_index.h>
#include <myelin/store_check.h>
#include <myelin/user_data.h>

/* span.c: canonical JSON without a parser. The offset after the string, or any value, that begins at `at`. */
size_t myl_room_skip_string(myl_str json, size_t at);
size_t myl_room_skip_value(myl_str json, size_t at);
/* Where the pieces of the client form lie in an event's canonical bytes. */
void myl_room_find_spans(myl_str json, myl_stored *stored);

/* event.c: a changed header over the same bytes (a redaction). */
myl_rc myl_room_event_rewrite(myl_ctx *cx, const myl_stored *stored);
/* A held event is shown from now on; it arrives now, or is found in the history alone. */
myl_rc myl_room_event_release(myl_ctx *cx, bool arrives, myl_stored *stored);
/* Gives an outlier its place in the room; its number stays. */
myl_rc myl_room_event_settle(myl_ctx *cx, const myl_event_place *place, myl_stored *stored);

/* auth_rows.c: the auth index. */
const myl_auth_rows *myl_room_auth_rows(void);
myl_rc myl_room_auth_add(myl_ctx *cx, const myl_stored *stored, const myl_event *event);
/* Adds the numbers (uint64_t) of the event's auth events that are known, state events and numbered below `below`. */
myl_rc myl_room_auth_numbers(myl_ctx *cx, const myl_event *event, uint64_t below, myl_list *out);

/* resolve.c: the resolution of states, and of the states after events. */
myl_rc myl_room_resolve(myl_ctx *cx, const myl_room_head *head, const myl_tree_root *roots,
                        size_t count, myl_tree_root *out);
myl_rc myl_room_resolve_events(myl_ctx *cx, const myl_room_head *head, const uint64_t *events,
                               size_t count, myl_tree_root *out);
/* ahead.c: in a job with cx->ahead. */
myl_rc myl_room_ahead_note(myl_ctx *cx, const myl_tree_root *states, size_t count,
                           myl_tree_root resolved);
/* Until the watch is ended, the store answers MYL_UNRESOLVED past RESOLVE_MS; not where the job cannot go to a lane. */
myl_rc myl_room_ahead_watch(myl_ctx *cx);
/* A state by the numbers of its events, made from a root that is near. */
typedef struct {
    uint64_t room;
    myl_tree_root base;
    const uint64_t *events; /* in the job: they are known by their place there */
    size_t count;
} myl_told_state;
/* Its root. What a snapshot of the job has found out already is not done again. */
myl_rc myl_room_ahead_told(myl_ctx *cx, const myl_told_state *told, myl_tree_root *out);
/* The resolution of these states, made from one of them, when it was noted. */
myl_rc myl_room_ahead_take(myl_ctx *cx, const myl_tree_root *states, size_t count,
                           myl_tree_root *out, bool *found);
void myl_room_resolve_start(void);
void myl_room_resolve_stop(void);

/* admit.c: adds the entry (myl_tree_entry) of a state event of the room that is not rejected; of another event nothing. */
myl_rc myl_room_state_entry(myl_ctx *cx, uint64_t room, uint64_t number, myl_list *out);
/* What turns told->base into the told state (myl_tree_entry). */
myl_rc myl_room_told_changes(myl_ctx *cx, const myl_told_state *told, myl_list *out);
/* What turns the state of `base` into `want` (myl_tree_entry), which is sorted; of two for one key the last stays. */
myl_rc myl_room_state_difference(myl_ctx *cx, myl_tree_root base, myl_list *want, myl_list *out);

/* servers.c: one joined user of a server more (1) or less (-1). */
myl_rc myl_room_server_count(myl_ctx *cx, uint64_t room, uint64_t user, int change);

/* advance.c: a placed event becomes one of the room's newest. `prevs` (numbers) are so no more; `old`: it has followers
 * already and does not become one. Keeps the current state, the members and the head; the caller puts the head. */
typedef struct {
    const myl_stored *stored;
    const uint64_t *prevs;
    size_t prev_count;
    bool old;
    bool alone; /* it replaces all newest events: a join from outside */
} myl_advance;
/* The members follow the difference of the state before and head->state; told at this position. */
myl_rc myl_room_move_members(myl_ctx *cx, myl_room_head *head, myl_tree_root was,
                             uint64_t position);
myl_rc myl_room_advance(myl_ctx *cx, myl_room_head *head, const myl_advance *advance);
/* The same on a snapshot: only the current state is resolved. `after`: the state after the event, which need not be stored. */
myl_rc myl_room_advance_ahead(myl_ctx *cx, myl_room_head *head, const myl_advance *advance,
                              myl_tree_root after);

/* gap.c: what is missing before an event. */
myl_rc myl_room_gap_add(myl_ctx *cx, const myl_stored *stored, const myl_str *missing,
                        size_t count);
/* An event has come: those who missed it no longer do. *named: there were some. */
myl_rc myl_room_gap_filled(myl_ctx *cx, uint64_t room, myl_str event_id, bool *named);

/* relation.c: an event that was stored with a place enters the index; one that is redacted leaves it. */
myl_rc myl_room_relation_add(myl_ctx *cx, const myl_stored *stored, const myl_event *event);
myl_rc myl_room_relation_remove(myl_ctx *cx, const myl_stored *stored, const myl_event *event);
/* One event's row; every row of RELATED. */
myl_rc myl_room_check_related(myl_ctx *cx, myl_check *check, const myl_stored *stored,
                              const myl_event *event);
myl_rc myl_room_check_relations(myl_ctx *cx, myl_check *check);
/* search.c: the words of an event, after its relation has been added, or before it is removed. */
myl_rc myl_room_search_add(myl_ctx *cx, const myl_stored *stored, const myl_event *event);
myl_rc myl_room_search_remove(myl_ctx *cx, const myl_stored *stored, const myl_event *event);
myl_rc myl_room_check_words(myl_ctx *cx, myl_check *check, const myl_stored *stored,
                            const myl_event *event);
/* report.c, delayed.c */
myl_rc myl_room_check_reports(myl_ctx *cx, myl_check *check);
/* redact_user.c */
myl_rc myl_room_check_user_redactions(myl_ctx *cx, myl_check *check);
myl_rc myl_room_check_delayed(myl_ctx *cx, myl_check *check);
/* aggregate.c: the member m.relations of the open object, where there is something to show. */
myl_rc myl_room_write_relations(myl_ctx *cx, myl_writer *w, const myl_stored *stored,
                                const myl_event_form *form);

/* redact.c: must this event be held (MYL_EVENT_HELD)? A redaction is, until what it redacts is here and it may redact that. */
myl_rc myl_room_must_hold(myl_ctx *cx, const myl_room_head *head, const myl_event *event,
                          bool *out);
/* The redactions that came before this event. */
myl_rc myl_room_apply_early(myl_ctx *cx, const myl_room_head *head, const myl_stored *stored);

/* state.c: a decoded event, from the engine's cache when in a change. Lives at least as long as the job. */
myl_rc myl_room_decoded(myl_ctx *cx, uint64_t number, const myl_event **out);
void myl_room_cache_start(void);
void myl_room_cache_stop(void);
/* typing.c */
void myl_room_typing_stop(void);
/* Takes the next number of the volatile counter. */
uint64_t myl_room_volatile_next(void);
/* Forgets a number whose bytes have changed. */
void myl_room_cache_forget(uint64_t number);

/* For myl_list_sort of uint64_t. */
int myl_room_compare_numbers(const void *a, const void *b);

/* head.c */
myl_rc myl_room_head_put(myl_ctx *cx, const myl_room_head *head);

/* member.c: keeps every membership index when a user's member event in the current state changes (numbers; 0: none). */
typedef struct {
    uint64_t user, before, after;
    uint64_t position;
} myl_member_move;
myl_rc myl_room_member_changed(myl_ctx *cx, myl_room_head *head, const myl_member_move *move);
/* A member event of a room that we are not in: an invite, a knock, and their ends. */
myl_rc myl_room_member_outside(myl_ctx *cx, const myl_stored *stored, myl_membership membership);
/* A row of ROOM_MEMBERS or USER_ROOMS; false when it is none. */
bool myl_room_cut_member(myl_str row, myl_member *out);

/* build.c: sends into an open head; the caller puts the head when all is sent. */
myl_rc myl_room_build(myl_ctx *cx, myl_room_head *head, const myl_outgoing *outgoing,
                      myl_stored *stored);

/* build.c: stores an event with the state after it: place->before and, for a state event that counts, its own entry. */
myl_rc myl_room_store_placed(myl_ctx *cx, const myl_event *event, myl_event_place *place,
                             myl_stored *stored);

/* redact.c: applies a stored m.room.redaction to its target when its sender may. */
myl_rc myl_room_apply_redaction(myl_ctx *cx, const myl_room_head *head, const myl_event *redaction,
                                const myl_stored *stored);

/* May this user of ours redact that event? */
myl_rc myl_room_check_redaction(myl_ctx *cx, const myl_room_head *head,
                                const myl_outgoing *outgoing);

/* erase.c: the content of an event that was redacted just now goes when its time has come. */
myl_rc myl_room_erase_later(myl_ctx *cx, uint64_t number);
myl_rc myl_room_check_redacted(myl_ctx *cx, myl_check *check);
/* retention.c: has it outlived its room's policy? */
myl_rc myl_room_has_expired(myl_ctx *cx, myl_sight *sight, const myl_stored *stored, bool *out);

/* acl.c: does the content of an m.room.server_acl event let the server in? */
bool myl_room_acl_judge(const myl_json *acl, myl_str server_name);

/* acl.c: does one of the globs (an array, or NULL) match? Letters in either case. */
bool myl_room_any_glob(const myl_json *globs, myl_str text);

/* acl.c: an m.room.server_acl event of a user of ours must be well-formed and let us in; MYL_OK for any other event. */
myl_rc myl_room_check_acl(myl_ctx *cx, const myl_event *event);

/* check_links.c */
myl_rc myl_room_check_auth_row(myl_ctx *cx, myl_check *check, const myl_stored *stored);
myl_rc myl_room_check_steps(myl_ctx *cx, myl_check *check);
myl_rc myl_room_check_servers(myl_ctx *cx, myl_check *check);
myl_rc myl_room_check_server_sum(myl_ctx *cx, myl_check *check, const myl_room_head *head);
myl_rc myl_room_check_gaps(myl_ctx *cx, myl_check *check);
myl_rc myl_room_check_states(myl_ctx *cx, myl_check *check);
myl_rc myl_room_check_outside(myl_ctx *cx, myl_check *check);

/* check_directory.c */
myl_rc myl_room_check_directory(myl_ctx *cx, myl_check *check);

/* membership.c: content of a member event with the profile of a local user. */
myl_rc myl_room_member_content(myl_ctx *cx, const myl_member_change *change, const myl_json **out);

/* membership.c: the content of a join of ours; where a membership elsewhere allows it, it names the one of us who vouches. */
myl_rc myl_room_vouch(myl_ctx *cx, const myl_room_head *head, myl_str user_id,
                      const myl_json **content);

/* create.c: a new id of a room of this server. */
myl_str myl_room_fresh_id(myl_ctx *cx);
/* The head of a room that is about to be made, with this id; version 12 has none yet. */
myl_rc myl_room_open_new(myl_ctx *cx, const myl_room_version *version, myl_str room_id,
                         myl_room_head *head);

/* listing.c: the number of joined users of a listed room has changed. */
myl_rc myl_room_list_moved(myl_ctx *cx, uint64_t room, uint32_t joined);

/* guest.c: a join of one of our guests: MYL_GUEST_FORBIDDEN where the state before it does not let guests in. */
myl_rc myl_room_check_guest(myl_ctx *cx, const myl_event *event, myl_tree_root before);
/* m.room.guest_access has changed: where it does not let guests in any more, ours leave (a task). */
myl_rc myl_room_guests_closed(myl_ctx *cx, const myl_room_head *head);

/* people.c: a user of another server has come, gone or changed: the directory follows, later. */
myl_rc myl_room_person_changed(myl_ctx *cx, uint64_t user);

/* ---- hierarchy.c ---- */
/* Reads via, suggested and order of child->content; false: it names no room, or no server to find it by. */
bool myl_room_child_fill(myl_space_child *child);
void myl_room_children_sort(myl_list *children);

/* ---- policy.c ---- */
/* Before an event of ours is stored. *ready: it has been signed, as this one (the same but for time and references): to be admitted
 * in its place. NULL: it needs no signature. MYL_UNSIGNED: it waits in cx->policy for one. MYL_FORBIDDEN, MYL_REMOTE_DOWN: so
 * the server has answered to a task. */
myl_rc myl_room_policy_ask(myl_ctx *cx, const myl_room_head *head, const myl_incoming *event,
                           const myl_incoming **ready);
/* What a change chooses only once, though it may run again for signatures: its time, the id of a new room. */
int64_t myl_room_round_time(myl_ctx *cx);
myl_str myl_room_round_id(myl_ctx *cx);
/* What was done for a member has ended with rc. When the room's policy server did not answer, the error is taken back, and a task of
 * this kind tries again a little later, for this room alone. */
myl_rc myl_room_put_off(myl_ctx *cx, myl_rc rc, const char *kind, const myl_member *member);
/* In the step of such a task: the member as it is now. */
myl_rc myl_room_late_member(myl_ctx *cx, myl_str state, myl_str *user_id, myl_member *out);

#endif
