/* moderation.c: reports, notices, who is heard and how fast, rooms helped; other servers.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "ctl/ctl_own.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { LOOK_EVERY_US = 200000 };

static myl_str quoted_argument(ctl_run *run, size_t index)
{
    return ctl_quoted(run, myl_str_of(run->arguments[index]));
}

/* A call whose answer is only told with --json; else `said` is. */
static int act(ctl_run *run, const char *method, myl_str target, myl_str body, const char *said)
{
    ctl_answer answer;

    CTL_TRY(ctl_call(run, method, target, body, &answer));
    if (run->json)
        ctl_print_json(&answer);
    else
        printf("%s %s\n", run->arguments[0], said);
    return CTL_OK;
}

static int show(ctl_run *run, myl_str target)
{
    ctl_answer answer;

    CTL_TRY(ctl_call(run, "GET", target, MYL_ABSENT, &answer));
    ctl_print_object(run, &answer);
    return CTL_OK;
}

/* {"user_id": the whole id of this argument}. */
static int user_body(ctl_run *run, size_t index, myl_str *out)
{
    myl_writer body = myl_write_start(run->cx, 128);
    myl_str user_id;

    CTL_TRY(ctl_user_id(run, run->arguments[index], &user_id));
    myl_write_open(&body, '{');
    myl_write_str(&body, "user_id", user_id);
    myl_write_close(&body, '}');
    *out = myl_write_done(&body);
    return CTL_OK;
}

static int user_target(ctl_run *run, const char *behind, myl_str *out)
{
    myl_str user_id;

    CTL_TRY(ctl_user_id(run, run->arguments[0], &user_id));
    *out = ctl_target(run, "v1/users/%.*s/%s", MYL_FMT(ctl_quoted(run, user_id)), behind);
    return CTL_OK;
}

/* ---- reports ---- */

int ctl_report_list(ctl_run *run)
{
    const char *room = ctl_value(run, "--room"), *sender = ctl_value(run, "--sender");
    bool users = ctl_flag(run, "--users");
    ctl_answer answer;
    int64_t limit;

    CTL_TRY(ctl_number(run, "--limit", 100, &limit));
    CTL_TRY(ctl_call(run, "GET",
                     ctl_target(run, "v1/%s?limit=%lld%s%.*s%s%.*s",
                                users ? "user_reports" : "event_reports", (long long)limit,
                                room != NULL ? "&room_id=" : "",
                                MYL_FMT(ctl_quoted(run, myl_str_of(room))),
                                sender == NULL ? ""
                                : users        ? "&target_user_id="
                                               : "&event_sender_user_id=",
                                MYL_FMT(ctl_quoted(run, myl_str_of(sender)))),
                     MYL_ABSENT, &answer));
    if (users)
        ctl_print_list(run, &answer, "user_reports", "id target_user_id user_id reason");
    else
        ctl_print_list(run, &answer, "event_reports", "id sender user_id room_id name reason");
    return CTL_OK;
}

static myl_str report_target(ctl_run *run)
{
    return ctl_target(run, "v1/%s/%.*s",
                      ctl_flag(run, "--users") ? "user_reports" : "event_reports",
                      MYL_FMT(quoted_argument(run, 0)));
}

int ctl_report_show(ctl_run *run)
{
    return show(run, report_target(run));
}

int ctl_report_delete(ctl_run *run)
{
    return act(run, "DELETE", report_target(run), MYL_ABSENT, "is deleted");
}

/* ---- users ---- */

int ctl_user_shadow_ban(ctl_run *run)
{
    myl_str target;
    bool on;

    CTL_TRY(ctl_on_off(run, &on));
    CTL_TRY(user_target(run, "shadow_ban", &target));
    return act(run, on ? "POST" : "DELETE", target, on ? MYL_S("{}") : MYL_ABSENT,
               on ? "is heard by nobody" : "is heard");
}

int ctl_user_rate(ctl_run *run)
{
    myl_writer body = myl_write_start(run->cx, 128);
    int64_t per_second, burst;
    myl_str target;

    CTL_TRY(ctl_number(run, "--per-second", -1, &per_second));
    CTL_TRY(ctl_number(run, "--burst", 0, &burst));
    CTL_TRY(user_target(run, "override_ratelimit", &target));
    if (ctl_flag(run, "--usual"))
        return act(run, "DELETE", target, MYL_ABSENT, "has the limits of everybody");
    if (per_second < 0)
        return show(run, target);
    myl_write_open(&body, '{');
    myl_write_int(&body, "messages_per_second", per_second);
    myl_write_int(&body, "burst_count", burst);
    myl_write_close(&body, '}');
    return act(run, "POST", target, myl_write_done(&body),
               per_second == 0 ? "has no limits" : "has limits of their own");
}

static int follow_redaction(ctl_run *run, myl_str redact_id)
{
    ctl_answer answer;

    for (;;) {
        CTL_TRY(ctl_call(run, "GET",
                         ctl_target(run, "v1/user/redact_status/%.*s", MYL_FMT(redact_id)),
                         MYL_ABSENT, &answer));
        if (myl_str_equal(myl_json_text(answer.json, MYL_S("status")), MYL_S("complete")))
            break;
        usleep(LOOK_EVERY_US);
    }
    ctl_print_object(run, &answer);
    return CTL_OK;
}

int ctl_user_redact(ctl_run *run)
{
    const char *room = ctl_value(run, "--room");
    myl_writer body = myl_write_start(run->cx, 256);
    ctl_answer answer;
    myl_str user_id;
    int64_t limit;

    CTL_TRY(ctl_user_id(run, run->arguments[0], &user_id));
    CTL_TRY(ctl_number(run, "--limit", 1000, &limit));
    myl_write_open(&body, '{');
    myl_write_open_key(&body, "rooms", '[');
    if (room != NULL)
        myl_write_str(&body, NULL, myl_str_of(room));
    myl_write_close(&body, ']');
    myl_write_str(&body, "reason", myl_str_of(ctl_value(run, "--reason")));
    myl_write_int(&body, "limit", limit);
    myl_write_close(&body, '}');
    CTL_TRY(ctl_call(run, "POST",
                     ctl_target(run, "v1/user/%.*s/redact", MYL_FMT(ctl_quoted(run, user_id))),
                     myl_write_done(&body), &answer));
    if (!ctl_flag(run, "--no-wait"))
        return follow_redaction(run, myl_json_text(answer.json, MYL_S("redact_id")));
    ctl_print_object(run, &answer);
    return CTL_OK;
}

int ctl_user_notice(ctl_run *run)
{
    myl_writer body = myl_write_start(run->cx, 512);
    myl_str user_id;

    CTL_TRY(ctl_user_id(run, run->arguments[0], &user_id));
    myl_write_open(&body, '{');
    myl_write_str(&body, "user_id", user_id);
    myl_write_open_key(&body, "content", '{');
    myl_write_str(&body, "msgtype", MYL_S("m.text"));
    myl_write_str(&body, "body", myl_str_of(run->arguments[1]));
    myl_write_close(&body, '}');
    myl_write_close(&body, '}');
    return act(run, "POST", ctl_target(run, "v1/send_server_notice"), myl_write_done(&body),
               "is told");
}

/* ---- rooms ---- */

int ctl_room_join(ctl_run *run)
{
    myl_str body;

    CTL_TRY(user_body(run, 1, &body));
    return act(run, "POST", ctl_target(run, "v1/join/%.*s", MYL_FMT(quoted_argument(run, 0))), body,
               "has them");
}

int ctl_room_make_admin(ctl_run *run)
{
    myl_str body;

    CTL_TRY(user_body(run, 1, &body));
    return act(run, "POST",
               ctl_target(run, "v1/rooms/%.*s/make_room_admin", MYL_FMT(quoted_argument(run, 0))),
               body, "has one more administrator");
}

/* ---- other servers ---- */

int ctl_federation_list(ctl_run *run)
{
    ctl_answer answer;
    int64_t limit;

    CTL_TRY(ctl_number(run, "--limit", 1000, &limit));
    CTL_TRY(ctl_call(run, "GET",
                     ctl_target(run, "v1/federation/destinations?limit=%lld", (long long)limit),
                     MYL_ABSENT, &answer));
    ctl_print_list(run, &answer, "destinations",
                   "destination failure_ts retry_last_ts retry_interval");
    return CTL_OK;
}

int ctl_federation_show(ctl_run *run)
{
    return show(run, ctl_target(run, "v1/federation/destinations/%.*s",
                                MYL_FMT(quoted_argument(run, 0))));
}

int ctl_federation_reset(ctl_run *run)
{
    return act(run, "POST",
               ctl_target(run, "v1/federation/destinations/%.*s/reset_connection",
                          MYL_FMT(quoted_argument(run, 0))),
               MYL_S("{}"), "is tried again");
}

int ctl_federation_joins(ctl_run *run)
{
    ctl_answer answer;

    CTL_TRY(ctl_call(run, "GET", MYL_S("/_myelin/admin/v1/joins"), MYL_ABSENT, &answer));
    ctl_print_list(run, &answer, "joins",
                   "room_id user_id server stage events_received events_stored");
    return CTL_OK;
}
