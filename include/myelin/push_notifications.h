/* push_notifications.h: the events that a user was notified of, newest first.
 *
 * Nothing is stored for it: the newest events of the user's rooms are judged when they are asked for.
 * Spec: Client-Server API, Listing Notifications. Inside a snapshot. Threads: read workers.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MYELIN_PUSH_NOTIFICATIONS_H
#define MYELIN_PUSH_NOTIFICATIONS_H

#include <myelin/push_counts.h>

typedef struct {
    uint64_t before; /* positions below this one */
    size_t limit;    /* at most so many */
    bool highlights; /* only those */
} myl_notification_ask;
typedef struct {
    myl_stored stored;
    myl_str room_id;
    const myl_json *actions; /* of the rule that fits */
    bool read;
    int64_t ts;
} myl_notification;
typedef struct {
    const myl_notification *list;
    size_t count;
    uint64_t next; /* `before` of the next page; 0: there is no more */
} myl_notifications;
/* Of joined rooms. At most MYL_LIMIT_NOTIFICATIONS_WALK events are looked at: a page may be short, or empty, and have a
 * next one. */
myl_rc myl_push_notifications(myl_ctx *cx, myl_push_reader *reader, const myl_notification_ask *ask,
                              myl_notifications *out);

#endif
