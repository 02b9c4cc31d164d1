/* aggregate.c: unsigned.m.relations: what an event's children come to: its newest edit, its thread, its references.
 *
 * Spec:    Client-Server API, Aggregations of child events; Event replacements; Threading; Reference relations.
 * Callers: event_form.c, for every event that is shown.
 * Threads: the transaction's.
 * Holds:   an event without children costs one look-up. Nothing is shown that the reader may not see.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "room/relation_own.h"

typedef struct {
    myl_ctx *cx;
    const myl_stored *stored;
    const myl_event_form *form;
    myl_key key;
    myl_relation_reader reader;
    myl_stored edit; /* number 0: none */
    myl_thread_summary thread;
    myl_list references; /* myl_str: ids, the newest first */
} aggregation;

/* ---- the newest edit: by time, then by id ---- */

static bool is_newer(const myl_stored *a, const myl_stored *b)
{
    if (b->number == 0 || a->origin_server_ts != b->origin_server_ts)
        return b->number == 0 || a->origin_server_ts > b->origin_server_ts;
    return myl_str_compare(a->event_id, b->event_id) > 0;
}

/* Rows ascend by time: the walk back ends at the first that is older than what was found. */
static myl_rc walk_edits(aggregation *a, myl_scan *scan)
{
    for (size_t steps = 0; steps < MYL_LIMIT_RELATION_STEPS; steps++) {
        myl_str key, row;
        myl_stored edit;
        uint64_t number;
        int64_t ts;
        bool shown;

        MYL_TRY(myl_scan_next(scan, &key, &row));
        if (!myl_str_present(key))
            return MYL_OK;
        if (!myl_cut_i64(&row, &ts) || !myl_cut_u64(&row, &number))
            return myl_fail(a->cx, MYL_CORRUPT, "EDITS: a row cannot be read");
        if (a->edit.number != 0 && ts < a->edit.origin_server_ts)
            return MYL_OK;
        MYL_TRY(myl_room_event(a->cx, number, &edit));
        MYL_TRY(myl_room_may_see(a->cx, &a->reader.sight, &edit, &shown));
        if (shown && is_newer(&edit, &a->edit))
            a->edit = edit;
    }
    return MYL_OK;
}

static myl_rc find_edit(aggregation *a)
{
    myl_key key = a->key;
    myl_scan *scan;

    if ((a->stored->flags & MYL_EVENT_REDACTED) != 0)
        return MYL_OK;
    myl_key_u64(&key, a->stored->sender);
    myl_key_u32(&key, a->stored->type);
    MYL_TRY(myl_scan_values(a->cx, MYL_TABLE_EDITS, myl_key_str(&key), MYL_ABSENT, MYL_BACKWARD,
                            &scan));
    MYL_TRY(walk_edits(a, scan));
    myl_scan_end(scan);
    return MYL_OK;
}

/* ---- references ---- */

static myl_rc find_references(aggregation *a)
{
    myl_children walk;
    uint64_t kind;

    MYL_TRY(myl_store_interned(a->cx, MYL_INTERN_TYPE, MYL_S("m.reference"), &kind));
    if (kind == 0)
        return MYL_OK;
    MYL_TRY(myl_children_start(a->cx,
                               &(myl_children_of){&a->key, (uint32_t)kind, NULL, MYL_BACKWARD},
                               &walk));
    for (size_t steps = 0; steps < MYL_LIMIT_RELATION_REFERENCES; steps++) {
        myl_stored stored;
        myl_child child;
        bool shown;

        MYL_TRY(myl_children_next(&walk, &child));
        if (child.at.number == 0)
            break;
        MYL_TRY(myl_room_event(a->cx, child.at.number, &stored));
        MYL_TRY(myl_relation_shown(a->cx, &a->reader, &stored, &shown));
        if (shown)
            myl_list_push(&a->references, myl_str, stored.event_id);
    }
    myl_children_end(&walk);
    return MYL_OK;
}

/* ---- writing ---- */

static myl_rc write_thread(aggregation *a, myl_writer *w)
{
    myl_event_form inner = *a->form;

    inner.nesting = MYL_NESTED_LATEST;
    inner.membership = MYL_ABSENT;
    myl_write_open_key(w, "m.thread", '{');
    myl_write_int(w, "count", a->thread.count);
    myl_write_bool(w, "current_user_participated", a->thread.participated);
    MYL_TRY(myl_room_write_event(a->cx, w, "latest_event", &a->thread.latest, &inner));
    myl_write_close(w, '}');
    return MYL_OK;
}

static myl_rc write_edit(aggregation *a, myl_writer *w)
{
    myl_event_form inner = *a->form;

    inner.nesting = MYL_NESTED_EDIT;
    inner.membership = MYL_ABSENT;
    return myl_room_write_event(a->cx, w, "m.replace", &a->edit, &inner);
}

static void write_references(const aggregation *a, myl_writer *w)
{
    myl_write_open_key(w, "m.reference", '{');
    myl_write_open_key(w, "chunk", '[');
    for (size_t i = a->references.count; i > 0; i--) {
        myl_write_open(w, '{');
        myl_write_str(w, "event_id", myl_list_get(&a->references, myl_str, i - 1));
        myl_write_close(w, '}');
    }
    myl_write_close(w, ']');
    myl_write_close(w, '}');
}

static myl_rc write_all(aggregation *a, myl_writer *w)
{
    if (a->edit.number == 0 && a->thread.count <= 0 && a->references.count == 0)
        return MYL_OK;
    myl_write_open_key(w, "m.relations", '{');
    if (a->references.count > 0)
        write_references(a, w);
    if (a->edit.number != 0)
        MYL_TRY(write_edit(a, w));
    if (a->thread.count > 0)
        MYL_TRY(write_thread(a, w));
    myl_write_close(w, '}');
    return MYL_OK;
}

/* An edit or an annotation is no parent of anything that is aggregated. */
static myl_rc may_aggregate(aggregation *a, bool *out)
{
    const myl_json *content;
    myl_str kind;

    MYL_TRY(myl_room_event_content(a->cx, a->stored, &content));
    kind = myl_relation_of(content).rel_type;
    *out = !myl_str_equal(kind, MYL_S("m.replace")) && !myl_str_equal(kind, MYL_S("m.annotation"));
    return MYL_OK;
}

myl_rc myl_room_write_relations(myl_ctx *cx, myl_writer *w, const myl_stored *stored,
                                const myl_event_form *form)
{
    aggregation a = {.cx = cx, .stored = stored, .form = form};
    myl_related related;
    bool may;

    if (form->reader == NULL || form->nesting == MYL_NESTED_EDIT ||
        (stored->flags & MYL_EVENT_STATE) != 0)
        return MYL_OK;
    a.key = myl_relation_key(stored->room, stored->event_id);
    MYL_TRY(myl_related_get(cx, &a.key, &related));
    if (related.children == 0)
        return MYL_OK;
    MYL_TRY(may_aggregate(&a, &may));
    if (!may)
        return MYL_OK;
    a.reader =
        (myl_relation_reader){.sight = {.user = form->reader->user}, .ignored = form->ignored};
    a.references = MYL_LIST(cx, myl_str);
    MYL_TRY(find_edit(&a));
    MYL_TRY(find_references(&a));
    if (form->nesting == MYL_NESTED_NOT)
        MYL_TRY(myl_room_thread(cx, stored, &a.reader, &a.thread));
    return write_all(&a, w);
}
