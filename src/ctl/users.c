/* users.c: accounts and registration tokens.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "ctl/ctl_own.h"

#include <stdio.h>
#include <time.h>

/* ---- lists ---- */

int ctl_user_list(ctl_run *run)
{
    const char *name = ctl_value(run, "--name");
    ctl_answer answer;
    int64_t limit;

    CTL_TRY(ctl_number(run, "--limit", 1000, &limit));
    CTL_TRY(ctl_call(run, "GET",
                     ctl_target(run, "v3/users?limit=%lld%s%.*s%s", (long long)limit,
                                name != NULL ? "&name=" : "",
                                MYL_FMT(ctl_quoted(run, myl_str_of(name))),
                                ctl_flag(run, "--deactivated") ? "" : "&deactivated=false"),
                     MYL_ABSENT, &answer));
    ctl_print_list(run, &answer, "users",
                   "name displayname admin locked suspended deactivated last_seen_ts");
    return CTL_OK;
}

/* Prints what lies behind one account. */
static int get_of_user(ctl_run *run, const char *before, const char *behind, ctl_answer *answer)
{
    myl_str user_id;

    CTL_TRY(ctl_user_id(run, run->arguments[0], &user_id));
    return ctl_call(run, "GET",
                    ctl_target(run, "%s%.*s%s", before, MYL_FMT(ctl_quoted(run, user_id)), behind),
                    MYL_ABSENT, answer);
}

int ctl_user_show(ctl_run *run)
{
    ctl_answer answer;

    CTL_TRY(get_of_user(run, "v2/users/", "", &answer));
    ctl_print_object(run, &answer);
    return CTL_OK;
}

int ctl_user_devices(ctl_run *run)
{
    ctl_answer answer;

    CTL_TRY(get_of_user(run, "v2/users/", "/devices", &answer));
    ctl_print_list(run, &answer, "devices", "device_id display_name last_seen_ip last_seen_ts");
    return CTL_OK;
}

int ctl_user_rooms(ctl_run *run)
{
    ctl_answer answer;

    CTL_TRY(get_of_user(run, "v1/users/", "/joined_rooms", &answer));
    ctl_print_texts(run, &answer, "joined_rooms");
    return CTL_OK;
}

/* ---- changes ---- */

typedef struct {
    const char *method, *before, *behind; /* where, around the user's id */
    const char *said;
} user_change;

/* Sends a body to a user's path and prints the answer when --json asks for it, or else what is said. */
static int change(ctl_run *run, const user_change *what, myl_writer *body)
{
    ctl_answer answer;
    myl_str user_id;

    myl_write_close(body, '}');
    CTL_TRY(ctl_user_id(run, run->arguments[0], &user_id));
    CTL_TRY(ctl_call(run, what->method,
                     ctl_target(run, "%s%.*s%s", what->before, MYL_FMT(ctl_quoted(run, user_id)),
                                what->behind),
                     myl_write_done(body), &answer));
    if (run->json)
        ctl_print_json(&answer);
    else
        printf("%.*s %s\n", MYL_FMT(user_id), what->said);
    return CTL_OK;
}

static myl_writer body_of(ctl_run *run)
{
    myl_writer body = myl_write_start(run->cx, 256);

    myl_write_open(&body, '{');
    return body;
}

int ctl_user_create(ctl_run *run)
{
    const char *display = ctl_value(run, "--display-name");
    myl_writer body = body_of(run);
    myl_str password, user_id;
    ctl_answer answer;

    CTL_TRY(ctl_user_id(run, run->arguments[0], &user_id));
    CTL_TRY(ctl_ask(run, "GET", ctl_target(run, "v2/users/%.*s", MYL_FMT(ctl_quoted(run, user_id))),
                    MYL_ABSENT, &answer));
    if (answer.status == 200) {
        fprintf(stderr, "myelinctl: refused: %.*s is there already\n", MYL_FMT(user_id));
        return CTL_REFUSED;
    }
    CTL_TRY(ctl_password(run, &password));
    myl_write_str(&body, "password", password);
    myl_write_str(&body, "displayname", myl_str_of(display));
    myl_write_bool(&body, "admin", ctl_flag(run, "--admin"));
    return change(run, &(user_change){"PUT", "v2/users/", "", "is made"}, &body);
}

int ctl_user_reset_password(ctl_run *run)
{
    myl_writer body = body_of(run);
    myl_str password;

    CTL_TRY(ctl_password(run, &password));
    myl_write_str(&body, "new_password", password);
    myl_write_bool(&body, "logout_devices", !ctl_flag(run, "--keep-sessions"));
    return change(run, &(user_change){"POST", "v1/reset_password/", "", "has a new password"},
                  &body);
}

int ctl_user_deactivate(ctl_run *run)
{
    myl_writer body = body_of(run);

    myl_write_bool(&body, "erase", ctl_flag(run, "--erase"));
    return change(run, &(user_change){"POST", "v1/deactivate/", "", "is deactivated"}, &body);
}

int ctl_user_admin(ctl_run *run)
{
    myl_writer body = body_of(run);
    bool on;

    CTL_TRY(ctl_on_off(run, &on));
    myl_write_bool(&body, "admin", on);
    return change(run,
                  &(user_change){"PUT", "v1/users/", "/admin",
                                 on ? "is an administrator" : "is no administrator"},
                  &body);
}

int ctl_user_lock(ctl_run *run)
{
    myl_writer body = body_of(run);
    bool on;

    CTL_TRY(ctl_on_off(run, &on));
    myl_write_bool(&body, "locked", on);
    return change(run, &(user_change){"PUT", "v2/users/", "", on ? "is locked" : "is not locked"},
                  &body);
}

int ctl_user_suspend(ctl_run *run)
{
    myl_writer body = body_of(run);
    bool on;

    CTL_TRY(ctl_on_off(run, &on));
    myl_write_bool(&body, "suspend", on);
    return change(run,
                  &(user_change){"PUT", "v1/suspend/", "",
                                 on ? "is suspended" : "is not suspended"},
                  &body);
}

/* ---- registration tokens ---- */

int ctl_token_list(ctl_run *run)
{
    ctl_answer answer;

    CTL_TRY(ctl_call(run, "GET", ctl_target(run, "v1/registration_tokens"), MYL_ABSENT, &answer));
    ctl_print_list(run, &answer, "registration_tokens",
                   "token uses_allowed pending completed expiry_time");
    return CTL_OK;
}

int ctl_token_create(ctl_run *run)
{
    const char *token = ctl_value(run, "--token");
    myl_writer body = body_of(run);
    ctl_answer answer;
    int64_t uses, days;

    CTL_TRY(ctl_number(run, "--uses", -1, &uses));
    CTL_TRY(ctl_number(run, "--days", -1, &days));
    myl_write_str(&body, "token", myl_str_of(token));
    if (uses >= 0)
        myl_write_int(&body, "uses_allowed", uses);
    if (days >= 0 && days < 1000000)
        myl_write_int(&body, "expiry_time", ((int64_t)time(NULL) + days * 86400) * 1000);
    myl_write_close(&body, '}');
    CTL_TRY(ctl_call(run, "POST", ctl_target(run, "v1/registration_tokens/new"),
                     myl_write_done(&body), &answer));
    if (run->json)
        ctl_print_json(&answer);
    else
        printf("%.*s\n", MYL_FMT(myl_json_text(answer.json, MYL_S("token"))));
    return CTL_OK;
}

int ctl_token_delete(ctl_run *run)
{
    ctl_answer answer;

    CTL_TRY(ctl_call(run, "DELETE",
                     ctl_target(run, "v1/registration_tokens/%.*s",
                                MYL_FMT(ctl_quoted(run, myl_str_of(run->arguments[0])))),
                     MYL_ABSENT, &answer));
    if (run->json)
        ctl_print_json(&answer);
    return CTL_OK;
}
