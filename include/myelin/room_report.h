/* room_report.h: what users report: events, rooms, users. Kept for the administrators.
 *
 * Spec: Client-Server API, Reporting Content. Inside cx->txn; those that write, inside a change. At most REPORTS are
 * kept; the oldest go. Threads: as the transaction.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MYELIN_ROOM_REPORT_H
#define MYELIN_ROOM_REPORT_H

#include <myelin/room_state.h>

typedef enum { MYL_REPORT_EVENT = 1, MYL_REPORT_ROOM = 2, MYL_REPORT_USER = 3 } myl_report_kind;
typedef struct {
    uint64_t id; /* ascending by time; never used again */
    myl_report_kind kind;
    int64_t received_ms;
    myl_str reporter; /* user id */
    myl_str room_id;  /* EVENT and ROOM */
    myl_str target;   /* the event's or user's id; absent for a room */
    myl_str sender;   /* EVENT: who sent it */
    myl_str reason;   /* absent: none */
    bool has_score;
    int64_t score;
} myl_report;

/* Stores it: id and received_ms are set here. MYL_TOO_LARGE for a reason over REPORT_REASON. */
myl_rc myl_room_report_put(myl_ctx *cx, const myl_report *report, uint64_t *id);
/* id 0 when there is none of this kind. */
myl_rc myl_room_report_get(myl_ctx *cx, myl_report_kind kind, uint64_t id, myl_report *out);
/* *there: was there one? */
myl_rc myl_room_report_delete(myl_ctx *cx, myl_report_kind kind, uint64_t id, bool *there);
/* Of one kind; absent texts allow any. */
typedef struct {
    myl_report_kind kind;
    myl_str reporter, room_id, sender, target;
    bool oldest_first;
    uint64_t from; /* how many that fit are passed over */
    size_t limit;
} myl_report_query;
typedef struct {
    const myl_report *reports;
    size_t count;
    uint64_t total; /* that fit the query */
} myl_report_page;
myl_rc myl_room_reports(myl_ctx *cx, const myl_report_query *query, myl_report_page *out);

#endif
