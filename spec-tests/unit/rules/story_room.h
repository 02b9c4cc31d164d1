/* story_room.h: a room told in steps: events with ids that can be read, states that are resolved as
 * they meet.
 *
 * Ids are written without '$', users without '@' and server, types without "m.room.". The auth
 * events of a step are chosen from the state before it, unless the step names them.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TEST_RULES_STORY_ROOM_H
#define TEST_RULES_STORY_ROOM_H

#include <myelin/rules_state.h>

typedef struct {
    const char *id;
    const char *prev;    /* ids, blanks between; "" for the create event */
    const char *type;    /* "member", or a full one with a '.' */
    const char *sender;  /* "alice" */
    const char *key;     /* NULL: ""; for members the user */
    const char *content; /* JSON */
    const char *state;   /* what a server took for the state before; NULL: resolved from prev */
    const char *auth;    /* NULL: chosen; else ids */
    int64_t ts;          /* 0: one more than the step before */
    bool rejected;       /* it counts as rejected, and changes no state */
} story_step;

typedef struct {
    myl_ctx *cx;
    const myl_room_version *version;
    myl_list events; /* const myl_event* */
    myl_map *states; /* "$id" -> myl_state_set* after the event */
    myl_map *by_id;  /* "$id" -> myl_event* */
    int64_t now;
} story_room;

story_room *story_start(myl_ctx *cx, const char *version);
/* Adds the steps; each must be allowed by the auth rules in the state before it, unless it is
 * `rejected`. */
void story_tell(story_room *room, const story_step *steps, size_t count);
#define STORY(room, ...)                                                                           \
    story_tell((room), (const story_step[]){__VA_ARGS__},                                          \
               sizeof((const story_step[]){__VA_ARGS__}) / sizeof(story_step))
const myl_event *story_event(const story_room *room, const char *id);
/* The states after these events ("A B"), resolved. */
myl_state_set story_meet(story_room *room, const char *ids);
/* The resolution of states given as lists of ids. */
myl_state_set story_resolve(story_room *room, const char *const *states, size_t count);
/* Fails unless the state's event for the key is `id` (NULL: none). */
void story_expect(story_room *room, myl_state_set state, const char *type, const char *key,
                  const char *id);

/* "alice" -> "@alice:hs"; what begins with '@' or is empty stays. */
myl_str story_user(myl_ctx *cx, const char *name);
/* Words with blanks between, each behind a '$'. */
myl_list story_ids(myl_ctx *cx, const char *words);

#endif
