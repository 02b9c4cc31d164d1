/* push_judge.h: does an event concern this user: their push rules, asked in order.
 *
 * Pure over its arguments. Spec: Client-Server API, Push Rules, Conditions. Threads: any.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MYELIN_PUSH_JUDGE_H
#define MYELIN_PUSH_JUDGE_H

#include <myelin/push_rules.h>
#include <myelin/rules_auth.h>

/* Is the event in a thread, and does the reader follow that? */
typedef enum { MYL_PUSH_NO_THREAD, MYL_PUSH_NOT_FOLLOWED, MYL_PUSH_FOLLOWED } myl_push_thread_state;

/* What few rules ask, and what costs reading. */
typedef struct {
    myl_str display_name;   /* the reader's in the room; absent: none */
    const myl_power *power; /* of the room now; NULL: not known */
} myl_push_room;

/* What rules with a memo bit have answered about one event, for all who ask. Any thread. */
typedef struct {
    _Atomic uint32_t known, held;
} myl_push_memo;

/* What the rules may ask. */
typedef struct {
    const myl_json *event; /* the whole event */
    myl_str room_id, sender;
    uint64_t members;          /* joined */
    const myl_push_room *room; /* NULL: not read yet, see wants_room */
    myl_push_memo *memo;       /* of this event; NULL: none is kept */
    myl_push_thread_state thread;
} myl_push_event;

typedef struct {
    bool notify, highlight;
    const myl_push_rule *rule; /* the one that fits; NULL: none */
    bool wants_room;           /* no verdict: a rule asked for what is not read yet */
} myl_push_verdict;
myl_push_verdict myl_push_judge(myl_ctx *cx, const myl_push_ruleset *set,
                                const myl_push_event *event);

/* The property of a dot-separated path with backslash escapes; NULL: absent. */
const myl_json *myl_push_property(myl_ctx *cx, const myl_json *event, myl_str path);
/* Glob patterns ("*", "?"), without regard to case: all of `text`, or with `words` a part of it between word
 * boundaries. A pattern that takes too long to try does not match. */
bool myl_push_glob(myl_ctx *cx, myl_str pattern, myl_str text, bool words);

#endif
