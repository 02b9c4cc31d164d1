/* upgrade_own.h: what the files of room upgrades share.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef UPGRADE_OWN_H
#define UPGRADE_OWN_H

#include "room/room_own.h"

/* upgrade_levels.c */
typedef struct {
    const myl_room_version *old_version, *version;
    const myl_event *old_create;
    const myl_json *old_levels; /* NULL: the old room has none */
    myl_str creator;            /* of the new room */
    const myl_str *additional;  /* its additional creators */
    size_t additional_count;
} myl_levels_ask;
typedef struct {
    const myl_json *first; /* lets the creator set everything */
    const myl_json *last;  /* what holds when all is copied; NULL: the same */
} myl_new_levels;
void myl_room_upgrade_levels(myl_ctx *cx, const myl_levels_ask *ask, myl_new_levels *out);
/* Levels of a room that is used no more: ordinary members neither speak nor invite. *least: what both take at least. */
const myl_json *myl_room_quiet_levels(myl_ctx *cx, const myl_json *content, int64_t *least);

/* upgrade_copy.c: children of a space and bans, in pieces. `from` and `to` are rooms, `root` the old state. */
typedef struct {
    uint64_t from, to, user; /* user: who upgraded, an interned name */
    myl_tree_root root;
    uint64_t children;    /* done of them */
    uint64_t last_banned; /* the user after whom the next ban is looked for */
    bool banning;         /* children are done */
} myl_room_copy;
/* At most `budget` events into `head`, which the caller puts. */
myl_rc myl_room_copy_some(myl_ctx *cx, myl_room_head *head, myl_room_copy *copy, size_t budget,
                          bool *finished);
/* The rest by a stored task. */
myl_rc myl_room_copy_later(myl_ctx *cx, const myl_room_copy *copy);

#endif
