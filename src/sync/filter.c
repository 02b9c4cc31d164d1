/* filter.c: filters of /sync and /messages, decoded and asked.
 *
 * Spec:    Client-Server API, Filtering.
 * Threads: any.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <myelin/sync_build.h>

#include <myelin/base_limit.h>
#include <myelin/base_list.h>
#include <myelin/matrix_id.h>
#include <myelin/room_relation.h>

enum { DEFAULT_LIMIT = 10, MAX_LIMIT = 1000 };

typedef struct {
    myl_ctx *cx;
    const char *path; /* where we are, for the error's words */
} decoding;

/* field "": what the path itself names. */
static myl_rc bad(const decoding *d, const char *field, const char *expected)
{
    myl_str path = myl_str_of(d->path);

    if (field[0] == '\0')
        path = myl_str_slice(path, 0, path.len - 1);
    return myl_fail(d->cx, MYL_BAD_JSON, "%.*s%s: expected %s", MYL_FMT(path), field, expected);
}

/* A list of strings; *present tells "given" from "absent". `is` may refuse an element. */
typedef struct {
    const char *field;
    bool (*is)(myl_str id);
    const char *expected;
} list_field;

static myl_rc read_list(const decoding *d, const myl_json *json, const list_field *field,
                        const myl_str **out, size_t *count)
{
    const myl_json *value = myl_json_get(json, myl_str_of(field->field));
    myl_str *items;

    *out = NULL;
    *count = 0;
    if (value == NULL || value->kind == MYL_JSON_NULL)
        return MYL_OK;
    if (value->kind != MYL_JSON_ARRAY)
        return bad(d, field->field, "a list of strings");
    items = myl_new_array(d->cx, myl_str, value->count + 1);
    for (uint32_t i = 0; i < value->count; i++) {
        if (value->items[i].kind != MYL_JSON_STRING)
            return bad(d, field->field, "a list of strings");
        if (field->is != NULL && !field->is(value->items[i].text))
            return bad(d, field->field, field->expected);
        items[i] = value->items[i].text;
    }
    *out = items;
    *count = value->count;
    return MYL_OK;
}

static const list_field types = {"types", NULL, NULL}, not_types = {"not_types", NULL, NULL},
                        senders = {"senders", myl_id_is_user, "user ids"},
                        not_senders = {"not_senders", myl_id_is_user, "user ids"},
                        rooms = {"rooms", myl_id_is_room, "room ids"},
                        not_rooms = {"not_rooms", myl_id_is_room, "room ids"},
                        event_fields = {"event_fields", NULL, NULL},
                        related_senders = {"related_by_senders", myl_id_is_user, "user ids"},
                        related_rel_types = {"related_by_rel_types", NULL, NULL},
                        rel_types = {"org.matrix.msc3874.rel_types", NULL, NULL},
                        not_rel_types = {"org.matrix.msc3874.not_rel_types", NULL, NULL};

static myl_rc read_bool(const decoding *d, const myl_json *json, const char *field, bool *out)
{
    const myl_json *value = myl_json_get(json, myl_str_of(field));

    *out = false;
    if (value == NULL)
        return MYL_OK;
    if (value->kind != MYL_JSON_BOOL)
        return bad(d, field, "true or false");
    *out = value->truth;
    return MYL_OK;
}

static myl_rc read_limit(const decoding *d, const myl_json *json, myl_event_filter *out)
{
    const myl_json *value = MYL_JSON_AT(json, "limit");

    if (value == NULL)
        return MYL_OK;
    if (value->kind != MYL_JSON_INT || value->integer < 0)
        return bad(d, "limit", "a number, 0 or more");
    out->limit = value->integer > MAX_LIMIT ? MAX_LIMIT : (size_t)value->integer;
    return MYL_OK;
}

/* A filter that holds nothing but these has no lists. */
static bool is_scalar(myl_str key)
{
    static const myl_str scalars[] = {MYL_S_INIT("limit"), MYL_S_INIT("lazy_load_members"),
                                      MYL_S_INIT("contains_url"),
                                      MYL_S_INIT("include_redundant_members"),
                                      MYL_S_INIT("unread_thread_notifications")};

    for (size_t i = 0; i < sizeof(scalars) / sizeof(scalars[0]); i++)
        if (myl_str_equal(key, scalars[i]))
            return true;
    return false;
}

static bool has_lists(const myl_json *json)
{
    for (uint32_t i = 0; i < json->count; i++)
        if (!is_scalar(json->items[i].key))
            return true;
    return false;
}

static myl_rc read_lists(const decoding *d, const myl_json *json, myl_event_filter *out)
{
    if (!has_lists(json))
        return MYL_OK;
    MYL_TRY(read_list(d, json, &types, &out->types, &out->type_count));
    MYL_TRY(read_list(d, json, &not_types, &out->not_types, &out->not_type_count));
    MYL_TRY(read_list(d, json, &senders, &out->senders, &out->sender_count));
    MYL_TRY(read_list(d, json, &not_senders, &out->not_senders, &out->not_sender_count));
    MYL_TRY(read_list(d, json, &rooms, &out->rooms, &out->room_count));
    MYL_TRY(read_list(d, json, &not_rooms, &out->not_rooms, &out->not_room_count));
    MYL_TRY(
        read_list(d, json, &related_senders, &out->related_senders, &out->related_sender_count));
    MYL_TRY(read_list(d, json, &related_rel_types, &out->related_rel_types,
                      &out->related_rel_type_count));
    MYL_TRY(read_list(d, json, &rel_types, &out->rel_types, &out->rel_type_count));
    MYL_TRY(read_list(d, json, &not_rel_types, &out->not_rel_types, &out->not_rel_type_count));
    out->has_related = out->related_sender_count > 0 || out->related_rel_type_count > 0;
    out->has_types = out->types != NULL;
    out->has_senders = out->senders != NULL;
    out->has_rooms = out->rooms != NULL;
    return MYL_OK;
}

static myl_rc read_event_filter(const decoding *d, const myl_json *json, myl_event_filter *out)
{
    const myl_json *url = MYL_JSON_AT(json, "contains_url");

    memset(out, 0, sizeof(*out));
    out->contains_url = -1;
    out->limit = DEFAULT_LIMIT;
    if (json == NULL)
        return MYL_OK;
    if (json->kind != MYL_JSON_OBJECT)
        return bad(d, "", "an object");
    MYL_TRY(read_limit(d, json, out));
    MYL_TRY(read_lists(d, json, out));
    if (url != NULL && url->kind != MYL_JSON_BOOL)
        return bad(d, "contains_url", "true or false");
    if (url != NULL)
        out->contains_url = url->truth;
    MYL_TRY(read_bool(d, json, "lazy_load_members", &out->lazy_load_members));
    MYL_TRY(read_bool(d, json, "include_redundant_members", &out->include_redundant_members));
    return read_bool(d, json, "unread_thread_notifications", &out->unread_thread_notifications);
}

myl_rc myl_filter_parse(myl_ctx *cx, myl_str text, const myl_json **out)
{
    myl_rc rc = myl_json_parse(cx, text, out);
    myl_str why = cx->error.detail;

    if (rc == MYL_OK)
        return MYL_OK;
    myl_forgive(cx);
    return myl_fail(cx, rc, "filter: %.*s", MYL_FMT(why));
}

myl_rc myl_event_filter_decode(myl_ctx *cx, const myl_json *json, myl_event_filter *out)
{
    return read_event_filter(&(decoding){cx, "filter."}, json, out);
}

static myl_rc read_room(myl_ctx *cx, const myl_json *room, myl_filter *out)
{
    const struct {
        const char *name, *path;
        myl_event_filter *filter;
    } parts[] = {
        {"account_data", "room.account_data.", &out->room_account_data},
        {"timeline", "room.timeline.", &out->timeline},
        {"state", "room.state.", &out->state},
        {"ephemeral", "room.ephemeral.", &out->ephemeral},
    };

    if (room != NULL && room->kind != MYL_JSON_OBJECT)
        return myl_fail(cx, MYL_BAD_JSON, "room: expected an object");
    MYL_TRY(read_event_filter(&(decoding){cx, "room."}, room, &out->room));
    MYL_TRY(read_bool(&(decoding){cx, "room."}, room, "include_leave", &out->include_leave));
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        MYL_TRY(read_event_filter(&(decoding){cx, parts[i].path},
                                  myl_json_get(room, myl_str_of(parts[i].name)), parts[i].filter));
    return MYL_OK;
}

myl_rc myl_filter_decode(myl_ctx *cx, const myl_json *json, myl_filter *out)
{
    decoding top = {cx, ""};
    myl_str format = myl_json_text(json, MYL_S("event_format"));

    memset(out, 0, sizeof(*out));
    if (json != NULL && json->kind != MYL_JSON_OBJECT)
        return myl_fail(cx, MYL_BAD_JSON, "filter: expected an object");
    if (MYL_JSON_AT(json, "event_format") != NULL && !myl_str_equal(format, MYL_S("client")) &&
        !myl_str_equal(format, MYL_S("federation")))
        return bad(&top, "event_format", "client or federation");
    out->federation_format = myl_str_equal(format, MYL_S("federation"));
    MYL_TRY(read_list(&top, json, &event_fields, &out->fields, &out->field_count));
    if (out->field_count > MYL_LIMIT_FILTER_FIELDS)
        out->field_count = 0;
    MYL_TRY(read_event_filter(&(decoding){cx, "presence."}, MYL_JSON_AT(json, "presence"),
                              &out->presence));
    MYL_TRY(read_event_filter(&(decoding){cx, "account_data."}, MYL_JSON_AT(json, "account_data"),
                              &out->account_data));
    return read_room(cx, MYL_JSON_AT(json, "room"), out);
}

/* ---- asking ---- */

static bool holds(const myl_str *list, size_t count, myl_str value)
{
    for (size_t i = 0; i < count; i++)
        if (myl_str_equal(list[i], value))
            return true;
    return false;
}

/* "*" stands for any run of characters: the classic two-pointer match, linear in practice, bounded by len². */
static bool matches(myl_str pattern, myl_str text)
{
    size_t p = 0, t = 0, star = SIZE_MAX, mark = 0;

    while (t < text.len) {
        if (p < pattern.len && pattern.at[p] == '*') {
            star = p++;
            mark = t;
        } else if (p < pattern.len && pattern.at[p] == text.at[t]) {
            p++;
            t++;
        } else if (star != SIZE_MAX) {
            p = star + 1;
            t = ++mark;
        } else {
            return false;
        }
    }
    while (p < pattern.len && pattern.at[p] == '*')
        p++;
    return p == pattern.len;
}

static bool matches_any(const myl_str *patterns, size_t count, myl_str text)
{
    for (size_t i = 0; i < count; i++)
        if (matches(patterns[i], text))
            return true;
    return false;
}

bool myl_event_filter_allows(const myl_event_filter *filter, myl_str room_id, myl_str sender,
                             myl_str type, bool has_url)
{
    if (matches_any(filter->not_types, filter->not_type_count, type) ||
        holds(filter->not_senders, filter->not_sender_count, sender) ||
        holds(filter->not_rooms, filter->not_room_count, room_id))
        return false;
    if ((filter->has_types && !matches_any(filter->types, filter->type_count, type)) ||
        (filter->has_senders && !holds(filter->senders, filter->sender_count, sender)) ||
        (filter->has_rooms && !holds(filter->rooms, filter->room_count, room_id)))
        return false;
    return filter->contains_url < 0 || (filter->contains_url != 0) == has_url;
}

static bool lets_all_through(const myl_event_filter *filter)
{
    return !filter->has_types && !filter->has_senders && !filter->has_rooms &&
           filter->not_type_count == 0 && filter->not_sender_count == 0 &&
           filter->not_room_count == 0 && filter->contains_url < 0 && !filter->has_related &&
           filter->rel_types == NULL && filter->not_rel_type_count == 0;
}

/* What the filter asks of an event's content. */
typedef struct {
    bool has_url;
    myl_str rel_type;
} content_traits;

static myl_rc read_traits(myl_ctx *cx, const myl_event_filter *filter, const myl_stored *stored,
                          content_traits *out)
{
    const myl_json *content;

    *out = (content_traits){false, MYL_ABSENT};
    if (filter->contains_url < 0 && filter->rel_types == NULL && filter->not_rel_type_count == 0)
        return MYL_OK;
    MYL_TRY(myl_room_event_content(cx, stored, &content));
    out->has_url = myl_str_present(myl_json_text(content, MYL_S("url")));
    out->rel_type = myl_relation_of(content).rel_type;
    return MYL_OK;
}

static bool allows_relation(const myl_event_filter *filter, myl_str rel_type)
{
    return (filter->rel_types == NULL ||
            holds(filter->rel_types, filter->rel_type_count, rel_type)) &&
           !holds(filter->not_rel_types, filter->not_rel_type_count, rel_type);
}

myl_rc myl_event_filter_admits(myl_ctx *cx, const myl_event_filter *filter, myl_str room_id,
                               const myl_stored *stored, bool *out)
{
    content_traits traits;
    myl_str sender, type;

    *out = true;
    if (lets_all_through(filter))
        return MYL_OK;
    MYL_TRY(myl_store_text_of(cx, MYL_INTERN_NAME, stored->sender, &sender));
    MYL_TRY(myl_store_text_of(cx, MYL_INTERN_TYPE, stored->type, &type));
    MYL_TRY(read_traits(cx, filter, stored, &traits));
    *out = myl_event_filter_allows(filter, room_id, sender, type, traits.has_url) &&
           allows_relation(filter, traits.rel_type);
    if (!*out || !filter->has_related)
        return MYL_OK;
    return myl_room_has_related(cx, stored,
                                &(myl_relation_wish){filter->related_rel_types,
                                                     filter->related_senders,
                                                     filter->related_rel_type_count,
                                                     filter->related_sender_count},
                                out);
}
