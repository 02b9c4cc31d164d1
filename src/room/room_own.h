/* room_own.h: declarations that only room/ needs.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ROOM_OWN_H
#define ROOM_OWN_H

#include <myelin/base_clock.h>
#include <myelin/base_list.h>
#include <myelin/room_send.h>
#include <myelin/room_timeline.h>
#include <myelin/user_data.h>

/* span.c: canonical JSON without a parser. The offset after the string, or any value, that begins at `at`. */
size_t myl_room_skip_string(myl_str json, size_t at);
size_t myl_room_skip_value(myl_str json, size_t at);
/* Where the pieces of the client form lie in an event's canonical bytes. */
void myl_room_find_spans(myl_str json, myl_stored *stored);

/* event.c: a changed header over the same bytes (a redaction). */
myl_rc myl_room_event_rewrite(myl_ctx *cx, const myl_stored *stored);

/* state.c: a decoded event, from the engine's cache when in a change. Lives at least as long as the job. */
myl_rc myl_room_decoded(myl_ctx *cx, uint64_t number, const myl_event **out);
void myl_room_cache_start(void);
void myl_room_cache_stop(void);
/* typing.c */
void myl_room_typing_stop(void);
/* Forgets a number whose bytes have changed. */
void myl_room_cache_forget(uint64_t number);

/* For myl_list_sort of uint64_t. */
int myl_room_compare_numbers(const void *a, const void *b);

/* head.c */
myl_rc myl_room_head_put(myl_ctx *cx, const myl_room_head *head);

/* member.c: keeps every membership index after a stored m.room.member event. */
myl_rc myl_room_member_changed(myl_ctx *cx, myl_room_head *head, const myl_stored *stored,
                               myl_membership now);
/* What a member event says; 0: NONE. */
myl_rc myl_room_membership_of(myl_ctx *cx, uint64_t number, myl_membership *out);

/* build.c: sends into an open head; the caller puts the head when all is sent. */
myl_rc myl_room_build(myl_ctx *cx, myl_room_head *head, const myl_outgoing *outgoing,
                      myl_stored *stored);

/* redact.c: applies a stored m.room.redaction to its target when its sender may. */
myl_rc myl_room_apply_redaction(myl_ctx *cx, const myl_room_head *head, const myl_event *redaction,
                                const myl_stored *stored);

/* May this user of ours redact that event? */
myl_rc myl_room_check_redaction(myl_ctx *cx, const myl_room_head *head,
                                const myl_outgoing *outgoing);

/* membership.c: content of a member event with the profile of a local user. */
myl_rc myl_room_member_content(myl_ctx *cx, const myl_member_change *change, const myl_json **out);

#endif
