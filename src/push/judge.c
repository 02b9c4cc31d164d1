/* judge.c: push rules asked about one event.
 *
 * Threads: any; nothing is kept.
 * Holds:   an unknown condition, or one that lacks what it needs, matches nothing.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <myelin/push_judge.h>

#include <stdatomic.h>

/* ---- properties ---- */

/* The next piece of the path, without escapes. */
static myl_str cut_piece(myl_ctx *cx, myl_str *path)
{
    myl_text piece = myl_text_start(cx, path->len + 1);
    size_t i = 0;

    while (i < path->len && path->at[i] != '.') {
        bool escapes = path->at[i] == '\\' && i + 1 < path->len &&
                       (path->at[i + 1] == '.' || path->at[i + 1] == '\\');

        i += escapes ? 1 : 0;
        myl_text_add_byte(&piece, path->at[i++]);
    }
    *path = i < path->len ? myl_str_slice(*path, i + 1, SIZE_MAX) : MYL_ABSENT;
    return myl_text_str(&piece);
}

/* Of a path without escapes, as nearly all are. */
static const myl_json *plain_property(const myl_json *event, myl_str path)
{
    const myl_json *value = event;
    size_t from = 0, end;

    do {
        end = myl_str_find(path, '.', from);
        value =
            myl_json_get(value, myl_str_slice(path, from, end == SIZE_MAX ? SIZE_MAX : end - from));
        from = end + 1;
    } while (end != SIZE_MAX && value != NULL);
    return value;
}

const myl_json *myl_push_property(myl_ctx *cx, const myl_json *event, myl_str path)
{
    const myl_json *value = event;

    if (!myl_str_present(path))
        return NULL;
    if (myl_str_find(path, '\\', 0) == SIZE_MAX)
        return plain_property(event, path);
    while (myl_str_present(path) && value != NULL)
        value = myl_json_get(value, cut_piece(cx, &path));
    return value;
}

/* ---- conditions ---- */

typedef struct {
    myl_ctx *cx;
    const myl_push_event *event;
    bool wants_room;
} asking;

/* NULL: somebody has to read it first. */
static const myl_push_room *room_of(asking *a)
{
    a->wants_room |= a->event->room == NULL;
    return a->event->room;
}

static bool event_match(asking *a, const myl_json *condition)
{
    myl_str key = myl_json_text(condition, MYL_S("key"));
    myl_str pattern = myl_json_text(condition, MYL_S("pattern"));
    const myl_json *value = myl_push_property(a->cx, a->event->event, key);

    return myl_str_present(pattern) && myl_json_is(value, MYL_JSON_STRING) &&
           myl_push_glob(a->cx, pattern, value->text, myl_str_equal(key, MYL_S("content.body")));
}

static bool is_plain(const myl_json *value)
{
    return value != NULL && value->kind != MYL_JSON_ARRAY && value->kind != MYL_JSON_OBJECT &&
           value->kind != MYL_JSON_NUMBER;
}

static bool property_is(asking *a, const myl_json *condition)
{
    const myl_json *wanted = MYL_JSON_AT(condition, "value");
    const myl_json *value =
        myl_push_property(a->cx, a->event->event, myl_json_text(condition, MYL_S("key")));

    return is_plain(wanted) && is_plain(value) && myl_json_equal(wanted, value);
}

static bool property_contains(asking *a, const myl_json *condition)
{
    const myl_json *wanted = MYL_JSON_AT(condition, "value");
    const myl_json *list =
        myl_push_property(a->cx, a->event->event, myl_json_text(condition, MYL_S("key")));

    if (!is_plain(wanted) || !myl_json_is(list, MYL_JSON_ARRAY))
        return false;
    for (uint32_t i = 0; i < list->count; i++)
        if (is_plain(&list->items[i]) && myl_json_equal(wanted, &list->items[i]))
            return true;
    return false;
}

static bool contains_display_name(asking *a, const myl_json *condition)
{
    const myl_json *content = myl_json_object(a->event->event, MYL_S("content"));
    myl_str body = myl_json_text(content, MYL_S("body"));
    const myl_push_room *room = myl_str_present(body) ? room_of(a) : NULL;
    myl_text literal = MYL_TEXT(a->cx);

    MYL_UNUSED(condition);
    if (room == NULL || room->display_name.len == 0)
        return false;
    for (size_t i = 0; i < room->display_name.len; i++) {
        char byte = room->display_name.at[i];

        /* a name is no pattern: what would be a wildcard stands for any one character */
        myl_text_add_byte(&literal, byte == '*' ? '?' : byte);
    }
    return myl_push_glob(a->cx, myl_text_str(&literal), body, true);
}

/* "2", "==2", "<3", ">=10" */
static bool room_member_count(asking *a, const myl_json *condition)
{
    myl_str is = myl_json_text(condition, MYL_S("is"));
    size_t at = 0;
    int64_t number, members = (int64_t)a->event->members;

    while (at < is.len && at < 2 && (is.at[at] == '<' || is.at[at] == '>' || is.at[at] == '='))
        at++;
    if (!myl_str_to_int(myl_str_slice(is, at, SIZE_MAX), &number) || number < 0)
        return false;
    is.len = at;
    if (at == 0 || myl_str_equal(is, MYL_S("==")))
        return members == number;
    if (myl_str_equal(is, MYL_S("<")))
        return members < number;
    if (myl_str_equal(is, MYL_S(">")))
        return members > number;
    if (myl_str_equal(is, MYL_S("<=")))
        return members <= number;
    return myl_str_equal(is, MYL_S(">=")) && members >= number;
}

static bool sender_permission(asking *a, const myl_json *condition)
{
    myl_str key = myl_json_text(condition, MYL_S("key"));
    const myl_push_room *room = myl_str_present(key) ? room_of(a) : NULL;

    return room != NULL && room->power != NULL &&
           myl_power_user(room->power, a->event->sender) >=
               myl_power_notification(room->power, key);
}

/* MSC4306 */
static bool thread_subscription(asking *a, const myl_json *condition)
{
    const myl_json *wanted = MYL_JSON_AT(condition, "subscribed");

    if (a->event->thread == MYL_PUSH_NO_THREAD || !myl_json_is(wanted, MYL_JSON_BOOL))
        return false;
    return myl_json_bool(condition, MYL_S("subscribed"), false) ==
           (a->event->thread == MYL_PUSH_FOLLOWED);
}

typedef bool (*condition_fn)(asking *a, const myl_json *condition);

static const struct {
    myl_str kind;
    condition_fn holds;
} conditions[] = {
    {MYL_S_INIT("event_match"), event_match},
    {MYL_S_INIT("event_property_is"), property_is},
    {MYL_S_INIT("event_property_contains"), property_contains},
    {MYL_S_INIT("contains_display_name"), contains_display_name},
    {MYL_S_INIT("room_member_count"), room_member_count},
    {MYL_S_INIT("sender_notification_permission"), sender_permission},
    {MYL_S_INIT("io.element.msc4306.thread_subscription"), thread_subscription},
    {MYL_S_INIT("thread_subscription"), thread_subscription},
};

static bool condition_holds(asking *a, const myl_json *condition)
{
    myl_str kind = myl_json_text(condition, MYL_S("kind"));

    for (size_t i = 0; i < sizeof(conditions) / sizeof(conditions[0]); i++)
        if (myl_str_equal(kind, conditions[i].kind))
            return conditions[i].holds(a, condition);
    return false;
}

/* ---- rules ---- */

static bool all_hold(asking *a, const myl_push_rule *rule)
{
    for (uint32_t i = 0; rule->conditions != NULL && i < rule->conditions->count; i++)
        if (!condition_holds(a, &rule->conditions->items[i]))
            return false;
    return true;
}

static bool body_matches(asking *a, const myl_push_rule *rule)
{
    const myl_json *content = myl_json_object(a->event->event, MYL_S("content"));
    myl_str body = myl_json_text(content, MYL_S("body"));

    return myl_str_present(body) && myl_push_glob(a->cx, rule->pattern, body, true);
}

/* Asked once for an event. Two who ask at once find the same. */
static bool all_hold_memo(asking *a, const myl_push_rule *rule)
{
    myl_push_memo *memo = rule->memo == 0 ? NULL : a->event->memo;
    bool holds;

    if (memo == NULL)
        return all_hold(a, rule);
    if ((atomic_load(&memo->known) & rule->memo) != 0)
        return (atomic_load(&memo->held) & rule->memo) != 0;
    holds = all_hold(a, rule);
    if (holds)
        atomic_fetch_or(&memo->held, rule->memo);
    atomic_fetch_or(&memo->known, rule->memo);
    return holds;
}

static bool rule_fits(asking *a, const myl_push_rule *rule)
{
    if (!rule->enabled)
        return false;
    switch (rule->kind) {
    case MYL_PUSH_OVERRIDE:
    case MYL_PUSH_POSTCONTENT:
    case MYL_PUSH_UNDERRIDE: return all_hold_memo(a, rule);
    case MYL_PUSH_CONTENT: return body_matches(a, rule);
    case MYL_PUSH_ROOM: return myl_str_equal(rule->id, a->event->room_id);
    case MYL_PUSH_SENDER: return myl_str_equal(rule->id, a->event->sender);
    case MYL_PUSH_KINDS: break;
    }
    return false;
}

static void read_actions(const myl_json *actions, myl_push_verdict *out)
{
    for (uint32_t i = 0; actions != NULL && i < actions->count; i++) {
        const myl_json *action = &actions->items[i];

        if (action->kind == MYL_JSON_STRING && myl_str_equal(action->text, MYL_S("notify")))
            out->notify = true;
        else if (myl_str_equal(myl_json_text(action, MYL_S("set_tweak")), MYL_S("highlight")))
            out->highlight = myl_json_bool(action, MYL_S("value"), true);
    }
    out->highlight = out->highlight && out->notify;
}

myl_push_verdict myl_push_judge(myl_ctx *cx, const myl_push_ruleset *set,
                                const myl_push_event *event)
{
    asking a = {.cx = cx, .event = event};
    myl_push_verdict verdict = {.rule = NULL};

    for (size_t i = 0; i < set->count; i++) {
        bool fits = rule_fits(&a, &set->rules[i]);

        verdict.wants_room = a.wants_room;
        if (verdict.wants_room)
            break;
        if (!fits)
            continue;
        verdict.rule = &set->rules[i];
        read_actions(verdict.rule->actions, &verdict);
        break;
    }
    return verdict;
}
