/* upgrade_levels.c: the power levels of a room that replaces another one.
 *
 * Why:     versions differ in what a level may be and in who needs none; and whoever upgrades must be able to set all that is
 *          copied, whatever their own level is in the end.
 * Callers: upgrade.c.
 * Threads: any: values.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "room/upgrade_own.h"

#include <ctype.h>

static const char *const maps[] = {"events", "users", "notifications"};
enum { MAPS = 3, TOP_LEVEL = 100, TOMBSTONE_LEVEL = 150 };

/* ---- levels as integers ---- */

/* Older versions also took "50" and 50.0 for a level. */
static bool read_level(const myl_json *value, int64_t *out)
{
    myl_str text = value->text;

    if (value->kind == MYL_JSON_INT) {
        *out = value->integer;
        return true;
    }
    if (value->kind != MYL_JSON_STRING && value->kind != MYL_JSON_NUMBER)
        return false;
    while (text.len > 0 && isspace((unsigned char)text.at[0]))
        text = myl_str_slice(text, 1, SIZE_MAX);
    while (text.len > 0 && isspace((unsigned char)text.at[text.len - 1]))
        text.len--;
    if (value->kind == MYL_JSON_NUMBER && myl_str_find(text, '.', 0) != SIZE_MAX)
        text.len = myl_str_find(text, '.', 0);
    if (text.len > 1 && text.at[0] == '+')
        text = myl_str_slice(text, 1, SIZE_MAX);
    return myl_str_to_int(text, out);
}

static bool is_map(myl_str key)
{
    for (size_t i = 0; i < MAPS; i++)
        if (myl_str_equal(key, myl_str_of(maps[i])))
            return true;
    return false;
}

/* The members that are levels, as integers; others are dropped. */
static const myl_json *whole_levels(myl_ctx *cx, const myl_json *levels)
{
    const myl_json *out = myl_json_empty_object();
    int64_t level;

    for (uint32_t i = 0; i < levels->count; i++)
        if (read_level(&levels->items[i], &level))
            out = myl_json_with(cx, out, levels->items[i].key, myl_json_of_int(cx, level));
    return out;
}

static const myl_json *whole_content(myl_ctx *cx, const myl_json *content)
{
    const myl_json *out = whole_levels(cx, content);

    for (uint32_t i = 0; i < content->count; i++)
        if (content->items[i].kind == MYL_JSON_OBJECT && is_map(content->items[i].key))
            out =
                myl_json_with(cx, out, content->items[i].key, whole_levels(cx, &content->items[i]));
    return out;
}

static int64_t highest_of(const myl_json *levels, int64_t so_far)
{
    int64_t level;

    for (uint32_t i = 0; levels != NULL && i < levels->count; i++)
        if (read_level(&levels->items[i], &level) && level > so_far)
            so_far = level;
    return so_far;
}

static int64_t highest(const myl_json *content)
{
    int64_t top = highest_of(content, TOP_LEVEL);

    for (size_t i = 0; i < MAPS; i++)
        top = highest_of(myl_json_object(content, myl_str_of(maps[i])), top);
    return top;
}

/* ---- users and creators ---- */

static const myl_json *with_user(myl_ctx *cx, const myl_json *content, myl_str user, int64_t level)
{
    const myl_json *users = myl_json_object(content, MYL_S("users"));

    return myl_json_with(cx, content, MYL_S("users"),
                         myl_json_with(cx, users, user, myl_json_of_int(cx, level)));
}

/* Creators of the new room stand in no list of users. */
static const myl_json *without_creators(myl_ctx *cx, const myl_levels_ask *ask,
                                        const myl_json *content)
{
    const myl_json *users = myl_json_object(content, MYL_S("users"));

    if (users == NULL)
        return content;
    users = myl_json_without(cx, users, ask->creator);
    for (size_t i = 0; i < ask->additional_count; i++)
        users = myl_json_without(cx, users, ask->additional[i]);
    return myl_json_with(cx, content, MYL_S("users"), users);
}

static const myl_json *with_tombstone(myl_ctx *cx, const myl_json *content)
{
    const myl_json *events = myl_json_object(content, MYL_S("events"));
    int64_t level = 0, state_default = 50;

    (void)myl_json_int(content, MYL_S("state_default"), &state_default);
    (void)myl_json_int(events, MYL_S("m.room.tombstone"), &level);
    if (level >= TOMBSTONE_LEVEL && level > state_default)
        return content;
    level = state_default < TOMBSTONE_LEVEL ? TOMBSTONE_LEVEL : state_default + 1;
    return myl_json_with(cx, content, MYL_S("events"),
                         myl_json_with(cx, events, MYL_S("m.room.tombstone"),
                                       myl_json_of_int(cx, level)));
}

/* Who had power without a number gets one where there is no such power. */
static const myl_json *with_old_creators(myl_ctx *cx, const myl_levels_ask *ask,
                                         const myl_json *content)
{
    const myl_json *others = myl_json_array(ask->old_create->content, MYL_S("additional_creators"));
    int64_t top = highest(content);

    content = with_user(cx, content, ask->old_create->sender, top);
    for (uint32_t i = 0; others != NULL && i < others->count; i++)
        content = with_user(cx, content, others->items[i].text, top);
    return content;
}

static int64_t level_of(const myl_json *content, myl_str user)
{
    int64_t level = 0;

    (void)myl_json_int(content, MYL_S("users_default"), &level);
    (void)myl_json_int(myl_json_object(content, MYL_S("users")), user, &level);
    return level;
}

void myl_room_upgrade_levels(myl_ctx *cx, const myl_levels_ask *ask, myl_new_levels *out)
{
    const myl_json *content = ask->old_levels != NULL ? ask->old_levels : myl_json_empty_object();

    if (ask->old_levels == NULL && !ask->old_version->creators_unlimited)
        content = with_user(cx, content, ask->old_create->sender, TOP_LEVEL);
    content = whole_content(cx, content);
    out->first = out->last = NULL;
    if (ask->version->creators_unlimited) {
        out->first = with_tombstone(cx, without_creators(cx, ask, content));
        return;
    }
    if (ask->old_version->creators_unlimited)
        content = with_old_creators(cx, ask, content);
    out->first = content;
    if (level_of(content, ask->creator) >= highest(content))
        return;
    out->first = with_user(cx, content, ask->creator, highest(content));
    out->last = content;
}

/* ---- the old room afterwards ---- */

static const myl_json *raised(myl_ctx *cx, const myl_json *content, const char *key, int64_t least)
{
    const myl_json *present = myl_json_get(content, myl_str_of(key));
    int64_t level;

    if (present != NULL && read_level(present, &level) && level >= least)
        return content;
    return myl_json_with(cx, content, myl_str_of(key), myl_json_of_int(cx, least));
}

const myl_json *myl_room_quiet_levels(myl_ctx *cx, const myl_json *content, int64_t *least)
{
    const myl_json *users_default = MYL_JSON_AT(content, "users_default");
    int64_t level = 0;

    if (users_default != NULL)
        (void)read_level(users_default, &level);
    *least = level + 1 > 50 ? level + 1 : 50;
    return raised(cx, raised(cx, content, "events_default", *least), "invite", *least);
}
