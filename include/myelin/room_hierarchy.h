/* room_hierarchy.h: the tree of rooms below a space.
 *
 * Spec: Client-Server API, Spaces. Depth first, children in the order that the space gives them; a page at a time.
 * Inside cx->txn. Threads: as the transaction.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MYELIN_ROOM_HIERARCHY_H
#define MYELIN_ROOM_HIERARCHY_H

#include <myelin/room_directory.h>

/* A child that a space names, in its own order. */
typedef struct {
    myl_str room_id;
    myl_str order;            /* absent: none that is valid */
    int64_t origin_server_ts; /* of the event that names it */
    bool suggested;
    const myl_json *via; /* array of server names */
    const myl_json *content;
    myl_str sender;
} myl_space_child;
/* The valid children of a space (myl_space_child), in order; all when !suggested_only. */
myl_rc myl_room_children(myl_ctx *cx, const myl_room_head *head, bool suggested_only,
                         myl_list *out);
/* One entry of "rooms": the summary with children_state; key NULL in an array. */
void myl_room_write_space(myl_writer *w, const char *key, const myl_room_summary *summary,
                          const myl_list *children);

/* ---- rooms that are not here, as other servers tell of them (told.c) ---- */
/* An object of another server's hierarchy to a summary; head.version is NULL when it is not known here. MYL_REMOTE_DOWN when it
 * names no room. */
myl_rc myl_room_summary_told(myl_ctx *cx, const myl_json *told, myl_room_summary *out);
/* Its children_state, as myl_room_children gives those of a room that is here. */
void myl_room_children_told(myl_ctx *cx, const myl_json *told, bool suggested_only, myl_list *out);

typedef struct {
    myl_str root;
    uint64_t user;
    bool all; /* an administrator asks: nothing that is here is hidden */
    bool suggested_only;
    int64_t max_depth; /* negative: no limit but HIERARCHY_ROOMS */
    size_t limit;      /* rooms of one page */
    myl_str from;      /* absent: the first page */
    /* What is told of a room that is not here; *told NULL: nothing is. `via`: an array, or NULL for the root. */
    myl_rc (*elsewhere)(void *arg, myl_str room_id, const myl_json *via, const myl_json **told);
    void *arg;
} myl_hierarchy_ask;
/* {"rooms": …, "next_batch": …} as a whole object. MYL_FORBIDDEN when the user may not see the root;
 * MYL_INVALID_PARAM for a token of another question. */
myl_rc myl_room_hierarchy(myl_ctx *cx, const myl_hierarchy_ask *ask, myl_writer *w);

#endif
