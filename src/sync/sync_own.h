/* sync_own.h: declarations that only sync/ needs.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SYNC_OWN_H
#define SYNC_OWN_H

#include <myelin/base_clock.h>
#include <myelin/base_list.h>
#include <myelin/push_counts.h>
#include <myelin/sync_build.h>
#include <myelin/sync_device_lists.h>
#include <myelin/user_ignore.h>
#include <myelin/user_keys.h>
#include <myelin/user_to_device.h>

/* The state of a room that is being written: what is left of it. */
typedef struct {
    bool is_open;
    myl_tree_steps *steps; /* all of a state, then the others; NULL: none */
    const uint64_t *numbers;
    size_t count, at;
    myl_str room_id;
} sync_rest;

/* One answer in the making. */
struct myl_syncing {
    myl_ctx *cx;
    const myl_sync_request *request;
    myl_writer *w;
    uint64_t since; /* position; 0: initial */
    uint64_t upto;  /* position of the snapshot */
    uint64_t typing_since;
    bool quiet; /* nobody has begun or ended typing anywhere since the token */
    int64_t now_ms;
    const uint64_t *changed; /* rooms with a change after since, ascending */
    size_t changed_count;
    bool all_changed;          /* too many changes to list: look at every room */
    const myl_member *members; /* the caller's rooms to look at, ascending */
    size_t member_count;
    const myl_account_data *data; /* account data after since; at first the global part alone */
    size_t data_count;
    bool
        invites_changed; /* the caller now wants others' invites: all are told again that are wanted */
    myl_sight sight;     /* the caller's */
    bool something;      /* anything but next_batch is in it */
    myl_device_lists devices;
    myl_key_counts keys;
    const myl_to_device *messages; /* to this device */
    size_t message_count;
    myl_push_reader push;    /* the caller's rules */
    uint64_t rules_position; /* of their last change */
    myl_list present;        /* users whose presence is new to the reader */
    bool presence_left;      /* more changes than one answer looks at */
    myl_ignored ignored;     /* whose events are not shown */
    myl_list recounted; /* uint64_t: rooms in which a thread was followed or left after since */
    /* of an answer in pieces: */
    myl_writer writer;
    size_t section, next; /* member */
    bool has_begun, has_section;
    bool is_later; /* than the first piece: the snapshot is another */
    sync_rest rest;
    myl_mark before_room;
};

/* timeline.c: the newest events after `low`, at most the filter's limit, oldest first. */
typedef struct {
    const myl_stored *events;
    size_t count;
    bool limited;
    myl_point prev; /* just before the oldest */
    uint64_t bound; /* of the token there (myl_point_marks) */
    myl_list list;  /* myl_stored: what `events` points into */
} myl_slice;
typedef struct {
    const myl_room_head *head;
    uint64_t low, high; /* positions: low < position <= high */
    bool
        joined; /* the reader is: high is behind all of it, but for what came after the answer began */
} myl_stretch;
myl_rc myl_sync_slice(myl_syncing *s, const myl_stretch *stretch, myl_slice *out);
/* The token for what lies before it. */
myl_str myl_sync_prev_batch(const myl_syncing *s, const myl_slice *slice);
/* "timeline": {…} */
myl_rc myl_sync_write_timeline(myl_syncing *s, const myl_slice *slice);

/* What a room's object holds; written only when some part is not empty. */
typedef struct {
    const myl_member *member;
    myl_room_head head;
    uint64_t since; /* 0: the user sees the room for the first time */
    uint64_t upto;
    myl_slice slice;
    myl_tree_root whole; /* all of its state is told; 0: not */
    myl_list state;      /* numbers; besides the whole */
    bool members_changed;
    const myl_receipt *receipts;
    size_t receipt_count;
    bool typing;
    const myl_account_data *data; /* where this room's are among */
    size_t data_count;
} sync_part;

/* state.c: is it in a list of numbers? */
bool myl_sync_has_number(const myl_list *numbers, uint64_t number);
/* Fills part->state and members_changed from the slice. */
myl_rc myl_sync_collect_state(myl_syncing *s, sync_part *part);
/* "state": {…}, or "state_after" where that was asked for: opened, and what is to be written into it. The room's last member. */
void myl_sync_open_state(myl_syncing *s, const sync_part *part);
/* Goes on until the text has so many bytes; at the end closes it and the room. */
myl_rc myl_sync_write_state(myl_syncing *s, size_t bytes);
/* One event in the form of the request, as an array element; unsigned.membership is the caller's at the event. */
myl_rc myl_sync_write_stored(myl_syncing *s, const myl_stored *stored);
myl_rc myl_sync_write_event(myl_syncing *s, uint64_t number);

/* fields.c: those of the event (JSON) that filter->fields names, as an array element. */
myl_rc myl_sync_write_fields(myl_ctx *cx, myl_writer *w, const myl_filter *filter, myl_str event);

/* lazy.c */
bool myl_sync_member_was_sent(const myl_syncing *s, uint64_t event);
void myl_sync_member_is_sent(const myl_syncing *s, uint64_t event);

/* summary.c: users (interned) that name a room without a name; at most 5. */
myl_rc myl_sync_heroes(myl_syncing *s, uint64_t room, const uint64_t **heroes, size_t *count);
/* "summary": {…}; empty when nothing changed. */
myl_rc myl_sync_write_summary(myl_syncing *s, const myl_room_head *head, bool changed);
/* "unread_notifications" and, when the filter asks, "unread_thread_notifications". */
myl_rc myl_sync_write_counts(myl_syncing *s, const myl_room_head *head, const myl_member *member);

/* Which rooms' counts may have changed although nothing came: fills s->recounted. */
myl_rc myl_sync_begin_recount(myl_syncing *s);
bool myl_sync_is_recounted(const myl_syncing *s, uint64_t room);

/* ephemeral.c: a private receipt is its owner's alone. */
bool myl_sync_receipt_is_shown(const myl_syncing *s, const myl_receipt *receipt);
/* Receipts with position > after that the caller may see. */
myl_rc myl_sync_shown_receipts(myl_syncing *s, uint64_t room, uint64_t after,
                               const myl_receipt **out, size_t *count);
/* The m.receipt and m.typing events; key NULL: an array element. */
myl_rc myl_sync_write_receipts(myl_syncing *s, const char *key, const myl_receipt *receipts,
                               size_t count);
myl_rc myl_sync_write_typing(myl_syncing *s, const char *key, uint64_t room);

/* room.c: one room's object as a member of the open section; nothing when nothing changed. */
myl_rc myl_sync_write_joined(myl_syncing *s, const myl_member *member);
myl_rc myl_sync_write_invited(myl_syncing *s, const myl_member *member);
myl_rc myl_sync_write_left(myl_syncing *s, const myl_member *member);
/* Invites that the user does not want, or of those whom they ignore, are not shown while that is so. */
myl_rc myl_sync_invite_unwanted(myl_syncing *s, const myl_stored *invite, bool *out);
/* Do these changes of account data say whose invites are wanted? */
bool myl_sync_changes_invites(const myl_account_data *data, size_t count);
/* Stripped events of the room of an invite or knock, as array elements. */
myl_rc myl_sync_write_stripped_state(myl_syncing *s, const myl_stored *invite);
/* May the room have something new: an event, receipt, typing or other counts after the token? Never false when it has. */
bool myl_sync_room_changed(const myl_syncing *s, uint64_t room);

/* to_device.c: reads what is new for this device's encryption; fills the to-device part of the next token. */
myl_rc myl_sync_begin_devices(myl_syncing *s, myl_sync_token *next);
/* Is any of it news? */
bool myl_sync_devices_news(const myl_syncing *s);
/* "device_lists", "to_device" and the counts of keys, as members of the answer. */
myl_rc myl_sync_write_devices(myl_syncing *s);
/* "device_lists" and the counts alone, for sliding sync. */
myl_rc myl_sync_write_keys(myl_syncing *s);

/* presence.c: after the device lists; lowers the next counter when some changes are left for the next answer. */
myl_rc myl_sync_begin_presence(myl_syncing *s, myl_sync_token *next);
/* "presence": {…}, when anybody's is new. */
myl_rc myl_sync_write_presence(myl_syncing *s);

/* build.c: opens a room's object in its section. */
void myl_sync_open_room(myl_syncing *s, myl_str room_id);
/* The m.push_rules event as an array element, when the rules are new to the reader. */
myl_rc myl_sync_write_push_rules(myl_syncing *s);

#endif
