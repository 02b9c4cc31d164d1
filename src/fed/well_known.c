/* well_known.c: what /.well-known/matrix/server says, and for how long it may be believed.
 *
 * Spec:    Server-Server API, Resolving server names, step 3; RFC 9111 for max-age, no-store and Expires.
 * Callers: discovery.c.
 * Threads: any.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "fed/fed_own.h"

#include <strings.h>
#include <time.h>

#define HOUR_MS INT64_C(3600000)
enum { DEFAULT_HOURS = 24, LONGEST_HOURS = 48 };
#define LEAST_MS INT64_C(60000) /* whoever says "no-store" is asked again after that */

static bool is_directive(myl_str text, const char *name)
{
    size_t len = strlen(name);

    return text.len >= len && strncasecmp(text.at, name, len) == 0;
}

static myl_str trimmed(myl_str text)
{
    while (text.len > 0 && (text.at[0] == ' ' || text.at[0] == '\t'))
        text = (myl_str){text.at + 1, text.len - 1};
    while (text.len > 0 && (text.at[text.len - 1] == ' ' || text.at[text.len - 1] == '\t'))
        text.len--;
    return text;
}

/* Milliseconds that Cache-Control gives; -1: it says nothing. */
static int64_t control_ms(myl_str control)
{
    int64_t found = -1, seconds;

    while (control.len > 0) {
        size_t end = myl_str_find(control, ',', 0);
        myl_str one = trimmed(myl_str_slice(control, 0, end));
        control = end == SIZE_MAX ? MYL_S("") : myl_str_slice(control, end + 1, SIZE_MAX);
        if (is_directive(one, "no-store") || is_directive(one, "no-cache"))
            return 0;
        if (!is_directive(one, "max-age="))
            continue;
        myl_str number = myl_str_slice(one, 8, SIZE_MAX);
        if (number.len > 1 && number.at[0] == '"' && number.at[number.len - 1] == '"')
            number = myl_str_slice(number, 1, number.len - 2);
        if (myl_str_to_int(number, &seconds) && seconds >= 0)
            found = seconds > LONGEST_HOURS * 3600 ? LONGEST_HOURS * HOUR_MS : seconds * 1000;
    }
    return found;
}

/* The same of Expires; a date that cannot be read means now. */
static int64_t expires_ms(myl_ctx *cx, myl_str expires)
{
    struct tm broken = {0};

    if (!myl_str_present(expires))
        return -1;
    const char *end = strptime(myl_cstr(cx, expires), "%a, %d %b %Y %H:%M:%S GMT", &broken);
    if (end == NULL || *end != '\0')
        return 0;
    int64_t left = (int64_t)timegm(&broken) * 1000 - myl_now_ms();
    return left < 0 ? 0 : left;
}

static int64_t lasts_ms(myl_ctx *cx, const fed_well_known_answer *answer)
{
    int64_t ms = control_ms(answer->cache_control);

    if (ms < 0)
        ms = expires_ms(cx, answer->expires);
    if (ms < 0)
        ms = DEFAULT_HOURS * HOUR_MS;
    if (ms > LONGEST_HOURS * HOUR_MS)
        ms = LONGEST_HOURS * HOUR_MS;
    return ms < LEAST_MS ? LEAST_MS : ms;
}

void myl_fed_well_known_read(myl_ctx *cx, const fed_well_known_answer *answer, fed_well_known *out)
{
    const myl_json *json = NULL;
    fed_name name;

    *out = (fed_well_known){.server = MYL_ABSENT};
    if (answer->status != 200 || answer->body.len > MYL_LIMIT_FED_WELL_KNOWN_BYTES)
        return;
    if (myl_json_parse(cx, answer->body, &json) != MYL_OK) {
        myl_forgive(cx);
        return;
    }
    myl_str server = myl_json_text(json, MYL_S("m.server"));
    if (!myl_str_present(server) || !myl_fed_name_read(server, &name))
        return;
    out->server = server;
    out->lasts_ms = lasts_ms(cx, answer);
}
