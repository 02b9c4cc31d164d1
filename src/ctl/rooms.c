/* rooms.c: rooms, and what takes long: how far it has come is shown until it ends.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "ctl/ctl_own.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum { LOOK_EVERY_US = 200000 };

static myl_str room_of(ctl_run *run)
{
    return ctl_quoted(run, myl_str_of(run->arguments[0]));
}

int ctl_room_list(ctl_run *run)
{
    const char *term = ctl_value(run, "--search"), *order = ctl_value(run, "--order-by");
    ctl_answer answer;
    int64_t limit;

    CTL_TRY(ctl_number(run, "--limit", 1000, &limit));
    CTL_TRY(ctl_call(
        run, "GET",
        ctl_target(run, "v1/rooms?limit=%lld&order_by=%.*s%s%.*s", (long long)limit,
                   MYL_FMT(ctl_quoted(run, myl_str_of(order != NULL ? order : "joined_members"))),
                   term != NULL ? "&search_term=" : "", MYL_FMT(ctl_quoted(run, myl_str_of(term)))),
        MYL_ABSENT, &answer));
    ctl_print_list(run, &answer, "rooms",
                   "room_id name canonical_alias joined_members joined_local_members version");
    return CTL_OK;
}

int ctl_room_show(ctl_run *run)
{
    ctl_answer answer;

    CTL_TRY(ctl_call(run, "GET", ctl_target(run, "v1/rooms/%.*s", MYL_FMT(room_of(run))),
                     MYL_ABSENT, &answer));
    ctl_print_object(run, &answer);
    return CTL_OK;
}

int ctl_room_members(ctl_run *run)
{
    ctl_answer answer;

    CTL_TRY(ctl_call(run, "GET", ctl_target(run, "v1/rooms/%.*s/members", MYL_FMT(room_of(run))),
                     MYL_ABSENT, &answer));
    ctl_print_texts(run, &answer, "members");
    return CTL_OK;
}

int ctl_room_block(ctl_run *run)
{
    ctl_answer answer;
    bool on;

    CTL_TRY(ctl_on_off(run, &on));
    CTL_TRY(ctl_call(run, "PUT", ctl_target(run, "v1/rooms/%.*s/block", MYL_FMT(room_of(run))),
                     on ? MYL_S("{\"block\":true}") : MYL_S("{\"block\":false}"), &answer));
    if (run->json)
        ctl_print_json(&answer);
    else
        printf("%s is %s\n", run->arguments[0], on ? "blocked" : "not blocked");
    return CTL_OK;
}

/* ---- what takes long ---- */

static bool has_ended(myl_str status)
{
    return myl_str_equal(status, MYL_S("complete")) || myl_str_equal(status, MYL_S("failed"));
}

/* Asks until it has ended; each new state is a line on standard error. */
static int follow(ctl_run *run, myl_str target)
{
    int64_t rows, shown = -1;
    ctl_answer answer;
    myl_str status;

    for (;;) {
        myl_mark mark = myl_ctx_mark(run->cx);

        CTL_TRY(ctl_call(run, "GET", target, MYL_ABSENT, &answer));
        status = myl_json_text(answer.json, MYL_S("status"));
        if (!myl_json_int(answer.json, MYL_S("rows_deleted"), &rows))
            rows = 0;
        if (has_ended(status))
            break;
        if (rows != shown)
            fprintf(stderr, "%.*s: %lld rows deleted\n", MYL_FMT(status), (long long)rows);
        shown = rows;
        myl_ctx_release(run->cx, mark);
        usleep(LOOK_EVERY_US);
    }
    ctl_print_object(run, &answer);
    return myl_str_equal(status, MYL_S("complete")) ? CTL_OK : CTL_REFUSED;
}

static int begin(ctl_run *run, const char *method, myl_str target, myl_writer *body,
                 ctl_answer *answer)
{
    myl_write_close(body, '}');
    CTL_TRY(ctl_call(run, method, target, myl_write_done(body), answer));
    if (ctl_flag(run, "--no-wait"))
        ctl_print_object(run, answer);
    return CTL_OK;
}

int ctl_room_delete(ctl_run *run)
{
    const char *maker = ctl_value(run, "--new-room-user");
    myl_writer body = myl_write_start(run->cx, 256);
    ctl_answer answer;
    myl_str user_id;

    myl_write_open(&body, '{');
    myl_write_bool(&body, "block", ctl_flag(run, "--block"));
    myl_write_bool(&body, "purge", !ctl_flag(run, "--keep"));
    myl_write_bool(&body, "force_purge", ctl_flag(run, "--force"));
    if (maker != NULL) {
        CTL_TRY(ctl_user_id(run, maker, &user_id));
        myl_write_str(&body, "new_room_user_id", user_id);
    }
    myl_write_str(&body, "room_name", myl_str_of(ctl_value(run, "--room-name")));
    myl_write_str(&body, "message", myl_str_of(ctl_value(run, "--message")));
    CTL_TRY(begin(run, "DELETE", ctl_target(run, "v2/rooms/%.*s", MYL_FMT(room_of(run))), &body,
                  &answer));
    if (ctl_flag(run, "--no-wait"))
        return CTL_OK;
    return follow(run, ctl_target(run, "v2/rooms/delete_status/%.*s",
                                  MYL_FMT(myl_json_text(answer.json, MYL_S("delete_id")))));
}

int ctl_room_purge_history(ctl_run *run)
{
    const char *event = ctl_value(run, "--before-event");
    myl_writer body = myl_write_start(run->cx, 256);
    ctl_answer answer;
    int64_t days;

    CTL_TRY(ctl_number(run, "--older-than-days", -1, &days));
    if ((event == NULL) == (days < 0)) {
        fputs("myelinctl room purge-history: give either --before-event or --older-than-days\n",
              stderr);
        return CTL_USAGE;
    }
    myl_write_open(&body, '{');
    myl_write_str(&body, "purge_up_to_event_id", myl_str_of(event));
    if (days >= 0)
        myl_write_int(&body, "purge_up_to_ts", ((int64_t)time(NULL) - days * 86400) * 1000);
    myl_write_bool(&body, "delete_local_events", ctl_flag(run, "--ours"));
    CTL_TRY(begin(run, "POST", ctl_target(run, "v1/purge_history/%.*s", MYL_FMT(room_of(run))),
                  &body, &answer));
    if (ctl_flag(run, "--no-wait"))
        return CTL_OK;
    return follow(run, ctl_target(run, "v1/purge_history_status/%.*s",
                                  MYL_FMT(myl_json_text(answer.json, MYL_S("purge_id")))));
}
