/* power.c: who may do what: the levels of m.room.power_levels and what holds without it.
 *
 * Why:     old versions take levels as strings, floats and integers of any size; two servers that cut them
 *          differently split the room. So levels are kept exactly here, and cut to int64 only for callers that
 *          show or sort them.
 * Callers: the auth rules, state resolution, room/ (redactions, push conditions).
 * Threads: any; nothing is allocated: a level borrows from the event.
 * Holds:   what is no level counts as not there, so that the default holds.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "rules/rules_own.h"

#include <float.h>
#include <stdio.h>
#include <stdlib.h>

#include <myelin/matrix_id.h>

/* --- reading a level ---------------------------------------------------------------------------- */

/* Bytes of the Unicode white space character at the start of s; 0: none. */
static size_t space_start(myl_str s)
{
    static const char *const wide[] = {"\xC2\x85",     "\xC2\xA0",     "\xE1\x9A\x80",
                                       "\xE2\x80\x80", "\xE2\x80\x81", "\xE2\x80\x82",
                                       "\xE2\x80\x83", "\xE2\x80\x84", "\xE2\x80\x85",
                                       "\xE2\x80\x86", "\xE2\x80\x87", "\xE2\x80\x88",
                                       "\xE2\x80\x89", "\xE2\x80\x8A", "\xE2\x80\xA8",
                                       "\xE2\x80\xA9", "\xE2\x80\xAF", "\xE2\x81\x9F",
                                       "\xE3\x80\x80"};
    if (s.len == 0)
        return 0;
    if (s.at[0] == ' ' || (s.at[0] >= '\t' && s.at[0] <= '\r'))
        return 1;
    for (size_t i = 0; i < sizeof wide / sizeof *wide; i++) {
        if (myl_str_starts(s, myl_str_of(wide[i])))
            return strlen(wide[i]);
    }
    return 0;
}

static size_t digits_start(myl_str s)
{
    size_t len = 0;
    while (len < s.len && s.at[len] >= '0' && s.at[len] <= '9')
        len++;
    return len;
}

/* `length` digits, with zeros appended if need be, summed up below zero, where int64 reaches one further. A '.'
 * among them means nothing. False: int64 does not reach. */
static bool sum_digits(myl_str digits, int64_t length, int64_t *out)
{
    *out = 0;
    size_t at = 0;
    for (int64_t read = 0; read < length; at++) {
        char c = at < digits.len ? digits.at[at] : '0';
        if (c == '.')
            continue;
        if (__builtin_mul_overflow(*out, 10, out) || __builtin_sub_overflow(*out, c - '0', out))
            return false;
        read++;
    }
    return true;
}

/* The level whose magnitude is 0.DIGITS times 10 to the `length`. digits may begin with zeros and hold one
 * '.', which means nothing here; what stands behind `length` digits is cut off. */
static myl_level level_of(bool negative, myl_str digits, int64_t length)
{
    myl_level level = {0};
    while (digits.len > 0 && (digits.at[0] == '0' || digits.at[0] == '.')) {
        length -= digits.at[0] == '0';
        digits = myl_str_slice(digits, 1, digits.len);
    }
    if (digits.len == 0 || length <= 0)
        return level;
    if (sum_digits(digits, length, &level.value) && (negative || level.value != INT64_MIN)) {
        level.value = negative ? level.value : -level.value;
        return level;
    }
    return (myl_level){negative ? INT64_MIN : INT64_MAX, digits, (size_t)length, false};
}

/* White space, a sign, digits, white space. Spec: Room version 1, levels as strings. */
static bool read_string(myl_str text, myl_level *out)
{
    for (size_t space = space_start(text); space > 0; space = space_start(text))
        text = myl_str_slice(text, space, text.len);
    bool negative = myl_str_starts(text, MYL_S("-"));
    if (negative || myl_str_starts(text, MYL_S("+")))
        text = myl_str_slice(text, 1, text.len);
    size_t len = digits_start(text);
    if (len == 0)
        return false;
    *out = level_of(negative, myl_str_slice(text, 0, len), (int64_t)len);
    text = myl_str_slice(text, len, text.len);
    for (size_t space = space_start(text); space > 0; space = space_start(text))
        text = myl_str_slice(text, space, text.len);
    return text.len == 0;
}

/* The exponent behind 'e', held far beyond what a double reaches. */
static int64_t exponent_of(myl_str text)
{
    bool negative = myl_str_starts(text, MYL_S("-"));
    int64_t value = 0;
    for (size_t i = 0; i < text.len && value < INT32_MAX; i++) {
        if (text.at[i] >= '0' && text.at[i] <= '9')
            value = 10 * value + (text.at[i] - '0');
    }
    return negative ? -value : value;
}

/* Is a level beyond int64 within a double's range? */
static bool is_double(const myl_level *level)
{
    enum { SIGNIFICANT = 340 };
    char number[SIGNIFICANT + 32];
    size_t len = 0;
    if (level->length > DBL_MAX_10_EXP + 1)
        return false;
    for (size_t i = 0; i < level->digits.len && len < SIGNIFICANT; i++) {
        if (level->digits.at[i] != '.')
            number[len++] = level->digits.at[i];
    }
    snprintf(number + len, sizeof number - len, "e%lld", (long long)level->length - (long long)len);
    return strtod(number, NULL) <= DBL_MAX;
}

/* A JSON number that is no int64: the exponent is applied, then the point cuts; a float beyond a double's
 * range is no level. Spec: Room version 1, levels as floats. */
static bool read_number(myl_str text, myl_level *out)
{
    bool negative = myl_str_starts(text, MYL_S("-"));
    if (negative)
        text = myl_str_slice(text, 1, text.len);
    int64_t length = (int64_t)digits_start(text);
    bool is_float = (size_t)length < text.len;
    size_t e = 0;
    while (e < text.len && text.at[e] != 'e' && text.at[e] != 'E')
        e++;
    if (e < text.len)
        length += exponent_of(myl_str_slice(text, e + 1, text.len));
    *out = level_of(negative, myl_str_slice(text, 0, e), length);
    return !is_float || out->length == 0 || is_double(out);
}

bool myl_level_read(myl_levels_form form, const myl_json *value, myl_level *out)
{
    *out = (myl_level){0};
    if (value == NULL)
        return false;
    if (value->kind == MYL_JSON_INT) {
        out->value = value->integer;
        return true;
    }
    if (value->kind == MYL_JSON_STRING)
        return form != MYL_LEVELS_INTEGERS && read_string(value->text, out);
    return value->kind == MYL_JSON_NUMBER && form == MYL_LEVELS_LOOSE &&
           read_number(value->text, out);
}

/* --- comparing ---------------------------------------------------------------------------------- */

/* The next digit of a level beyond int64. */
static char next_digit(const myl_level *level, size_t *at)
{
    if (*at < level->digits.len && level->digits.at[*at] == '.')
        (*at)++;
    return *at < level->digits.len ? level->digits.at[(*at)++] : '0';
}

static int compare_magnitudes(const myl_level *a, const myl_level *b)
{
    if (a->length != b->length)
        return a->length < b->length ? -1 : 1;
    size_t in_a = 0, in_b = 0;
    for (size_t i = 0; i < a->length; i++) {
        int order = next_digit(a, &in_a) - next_digit(b, &in_b);
        if (order != 0)
            return order;
    }
    return 0;
}

/* 2 unlimited, 1 above int64, 0 within, -1 below. */
static int range_of(const myl_level *level)
{
    if (level->unlimited)
        return 2;
    if (level->length == 0)
        return 0;
    return level->value > 0 ? 1 : -1;
}

int myl_level_compare(const myl_level *a, const myl_level *b)
{
    int range = range_of(a);
    if (range != range_of(b))
        return range - range_of(b);
    if (range == 0)
        return (a->value > b->value) - (a->value < b->value);
    return range == 2 ? 0 : range * compare_magnitudes(a, b);
}

/* --- the levels of a room ----------------------------------------------------------------------- */

#define DEFAULT_CREATOR 100
#define DEFAULT_NOTIFICATION 50

static const struct {
    const char *key;
    int64_t value;
} defaults[] = {{"ban", 50},    {"events_default", 0}, {"invite", 0},       {"kick", 50},
                {"redact", 50}, {"state_default", 50}, {"users_default", 0}};

static const myl_json *content_of(const myl_power *power)
{
    return power->levels == NULL ? NULL : power->levels->content;
}

static bool is_additional_creator(const myl_json *content, myl_str user_id)
{
    const myl_json *list = myl_json_array(content, MYL_S("additional_creators"));
    for (size_t i = 0; list != NULL && i < list->count; i++) {
        if (list->items[i].kind == MYL_JSON_STRING && myl_str_equal(list->items[i].text, user_id))
            return true;
    }
    return false;
}

bool myl_power_is_creator(const myl_power *power, myl_str user_id)
{
    const myl_event *create = power->create;
    if (create == NULL)
        return false;
    if (power->version->creator_in_content) {
        myl_str creator = myl_json_text(create->content, MYL_S("creator"));
        return myl_str_present(creator) && myl_str_equal(creator, user_id);
    }
    if (myl_str_equal(create->sender, user_id))
        return true;
    return power->version->creators_unlimited && is_additional_creator(create->content, user_id);
}

myl_level myl_level_action(const myl_power *power, const char *key)
{
    myl_level level;
    if (myl_level_read(power->version->levels, myl_json_get(content_of(power), myl_str_of(key)),
                       &level))
        return level;
    level = (myl_level){0};
    for (size_t i = 0; i < sizeof defaults / sizeof *defaults; i++) {
        if (strcmp(defaults[i].key, key) == 0)
            level.value = defaults[i].value;
    }
    return level;
}

myl_level myl_level_user(const myl_power *power, myl_str user_id)
{
    myl_level level;
    if (power->version->creators_unlimited && myl_power_is_creator(power, user_id))
        return (myl_level){.value = MYL_POWER_UNLIMITED, .unlimited = true};
    if (power->levels == NULL)
        return (myl_level){.value = myl_power_is_creator(power, user_id) ? DEFAULT_CREATOR : 0};
    const myl_json *users = myl_json_object(content_of(power), MYL_S("users"));
    if (myl_level_read(power->version->levels, myl_json_get(users, user_id), &level))
        return level;
    return myl_level_action(power, "users_default");
}

myl_level myl_level_event(const myl_power *power, myl_str type, bool is_state)
{
    myl_level level;
    const myl_json *events = myl_json_object(content_of(power), MYL_S("events"));
    if (myl_level_read(power->version->levels, myl_json_get(events, type), &level))
        return level;
    return myl_level_action(power, is_state ? "state_default" : "events_default");
}

/* Levels beyond int64 become its ends; MYL_POWER_UNLIMITED is left to creators. */
static int64_t cut(myl_level level)
{
    return level.value == MYL_POWER_UNLIMITED && !level.unlimited ? MYL_POWER_UNLIMITED - 1
                                                                  : level.value;
}

int64_t myl_power_user(const myl_power *power, myl_str user_id)
{
    return cut(myl_level_user(power, user_id));
}

int64_t myl_power_action(const myl_power *power, const char *key)
{
    return cut(myl_level_action(power, key));
}

int64_t myl_power_event(const myl_power *power, myl_str type, bool is_state)
{
    return cut(myl_level_event(power, type, is_state));
}

int64_t myl_power_notification(const myl_power *power, myl_str key)
{
    myl_level level;
    const myl_json *levels = myl_json_object(content_of(power), MYL_S("notifications"));
    return myl_level_read(power->version->levels, myl_json_get(levels, key), &level)
               ? cut(level)
               : DEFAULT_NOTIFICATION;
}

static bool same_domain(myl_str a, myl_str b)
{
    myl_str domain = myl_id_domain(a);
    return myl_str_present(domain) && myl_str_equal(domain, myl_id_domain(b));
}

/* Versions 1 and 2: rule 11. Later: Room version 3, Handling redactions. */
bool myl_rules_may_redact(const myl_event *redaction, const myl_event *target,
                          const myl_power *power)
{
    myl_level sender = myl_level_user(power, redaction->sender);
    myl_level needed = myl_level_action(power, "redact");
    if (myl_level_compare(&sender, &needed) >= 0)
        return true;
    return redaction->version->redaction_rule ? same_domain(redaction->event_id, target->event_id)
                                              : same_domain(redaction->sender, target->sender);
}
