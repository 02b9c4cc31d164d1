/* relation.c: the index of relations: a child enters when it is stored, and leaves when it is redacted.
 *
 * Why:     clients ask for the edits, answers and reactions of one event; that must not cost the room's length.
 * Callers: event.c stores, redact.c redacts, send.c asks first, `myelin check`.
 * Threads: the engine (check: its snapshot).
 * Holds:   the rows of a parent are those of its placed, accepted, not redacted children; RELATED counts them.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "room/relation_own.h"

myl_relation myl_relation_of(const myl_json *content)
{
    const myl_json *relates = myl_json_object(content, MYL_S("m.relates_to"));
    myl_relation relation = {myl_json_text(relates, MYL_S("rel_type")),
                             myl_json_text(relates, MYL_S("event_id"))};

    if (relation.rel_type.len == 0 || relation.rel_type.len > MYL_LIMIT_ID_BYTES ||
        relation.parent.len == 0 || relation.parent.len > MYL_LIMIT_ID_BYTES)
        return (myl_relation){MYL_ABSENT, MYL_ABSENT};
    return relation;
}

/* ---- rows ---- */

myl_key myl_relation_key(uint64_t room, myl_str parent)
{
    myl_key key = myl_key_of_u64(room);

    myl_key_hash(&key, parent);
    return key;
}

static myl_str annotation_name(myl_ctx *cx, myl_str type, const myl_json *content)
{
    const myl_json *relates = myl_json_object(content, MYL_S("m.relates_to"));
    myl_str key = myl_json_text(relates, MYL_S("key"));
    myl_text name = MYL_TEXT(cx);

    if (!myl_str_present(key))
        return MYL_ABSENT;
    myl_text_add(&name, type);
    myl_text_add_byte(&name, '\0');
    myl_text_add(&name, key);
    return myl_text_str(&name);
}

static myl_key annotation_key(myl_key key, uint64_t sender, myl_str name)
{
    myl_key_u64(&key, sender);
    myl_key_hash(&key, name);
    return key;
}

myl_rc myl_related_get(myl_ctx *cx, const myl_key *key, myl_related *out)
{
    myl_str row;

    *out = (myl_related){0};
    MYL_TRY(myl_store_get(cx, MYL_TABLE_RELATED, myl_key_str(key), &row));
    if (myl_str_present(row) &&
        (!myl_cut_u32(&row, &out->children) || !myl_cut_u32(&row, &out->in_thread) ||
         !myl_cut_i64(&row, &out->newest.depth) || !myl_cut_u64(&row, &out->newest.number)))
        return myl_fail(cx, MYL_CORRUPT, "RELATED: a row cannot be read");
    return MYL_OK;
}

static myl_rc related_put(myl_ctx *cx, const myl_key *key, const myl_related *related)
{
    myl_key row = myl_key_start();

    if (related->children == 0)
        return myl_store_delete(cx, MYL_TABLE_RELATED, myl_key_str(key));
    myl_key_u32(&row, related->children);
    myl_key_u32(&row, related->in_thread);
    myl_key_i64(&row, related->newest.depth);
    myl_key_u64(&row, related->newest.number);
    return myl_store_put(cx, MYL_TABLE_RELATED, myl_key_str(key), myl_key_str(&row));
}

bool myl_child_cut(myl_str row, myl_child *out)
{
    return myl_cut_i64(&row, &out->at.depth) && myl_cut_u64(&row, &out->at.number) &&
           myl_cut_u32(&row, &out->rel_type) && myl_cut_u32(&row, &out->type);
}

/* ---- a child comes or goes ---- */

/* One relation on its way in or out of the tables. */
typedef struct {
    myl_ctx *cx;
    const myl_stored *stored;
    const myl_json *content;
    myl_relation relation;
    myl_str type;
    uint32_t rel_type;
    myl_key key;
    bool add;
} keeping;

static myl_rc keep_row(const keeping *k, myl_table_id table, const myl_key *key, const myl_key *row)
{
    return k->add ? myl_store_add(k->cx, table, myl_key_str(key), myl_key_str(row))
                  : myl_store_remove(k->cx, table, myl_key_str(key), myl_key_str(row));
}

static myl_rc keep_child(const keeping *k)
{
    myl_key row = myl_key_start(), of_kind = k->key;

    myl_key_i64(&row, k->stored->depth);
    myl_key_u64(&row, k->stored->number);
    myl_key_u32(&row, k->rel_type);
    myl_key_u32(&row, k->stored->type);
    myl_key_u32(&of_kind, k->rel_type);
    MYL_TRY(keep_row(k, MYL_TABLE_RELATIONS, &k->key, &row));
    return keep_row(k, MYL_TABLE_RELATIONS_OF_KIND, &of_kind, &row);
}

/* Spec: Event replacements, Validity. The same sender and type are in the key; the parent is judged when it is shown. */
static bool is_edit(const keeping *k)
{
    return myl_str_equal(k->relation.rel_type, MYL_S("m.replace")) &&
           (k->stored->flags & MYL_EVENT_STATE) == 0 &&
           (myl_json_object(k->content, MYL_S("m.new_content")) != NULL ||
            myl_str_equal(k->type, MYL_S("m.room.encrypted")));
}

static myl_rc keep_edit(const keeping *k)
{
    myl_key key = k->key, row = myl_key_start();

    myl_key_u64(&key, k->stored->sender);
    myl_key_u32(&key, k->stored->type);
    myl_key_i64(&row, k->stored->origin_server_ts);
    myl_key_u64(&row, k->stored->number);
    return keep_row(k, MYL_TABLE_EDITS, &key, &row);
}

static myl_rc keep_annotation(const keeping *k)
{
    myl_str name = annotation_name(k->cx, k->type, k->content), row;
    myl_key key, number = myl_key_of_u64(k->stored->number);

    if (!myl_str_present(name))
        return MYL_OK;
    key = annotation_key(k->key, k->stored->sender, name);
    if (k->add)
        return myl_store_put(k->cx, MYL_TABLE_ANNOTATIONS, myl_key_str(&key), myl_key_str(&number));
    MYL_TRY(myl_store_get(k->cx, MYL_TABLE_ANNOTATIONS, myl_key_str(&key), &row));
    if (!myl_str_equal(row, myl_key_str(&number)))
        return MYL_OK;
    return myl_store_delete(k->cx, MYL_TABLE_ANNOTATIONS, myl_key_str(&key));
}

/* ---- threads ---- */

static myl_rc count_user(const keeping *k)
{
    myl_key key = k->key, value = myl_key_start();
    uint32_t count = 0;
    myl_str row;

    myl_key_u64(&key, k->stored->sender);
    MYL_TRY(myl_store_get(k->cx, MYL_TABLE_THREAD_USERS, myl_key_str(&key), &row));
    if (myl_str_present(row) && !myl_cut_u32(&row, &count))
        return myl_fail(k->cx, MYL_CORRUPT, "THREAD_USERS: a row cannot be read");
    count += k->add ? 1 : UINT32_MAX;
    if (count == 0)
        return myl_store_delete(k->cx, MYL_TABLE_THREAD_USERS, myl_key_str(&key));
    myl_key_u32(&value, count);
    return myl_store_put(k->cx, MYL_TABLE_THREAD_USERS, myl_key_str(&key), myl_key_str(&value));
}

/* The newest event of the thread as the rows have it; number 0: none. */
static myl_rc newest_in_thread(const keeping *k, myl_point *out)
{
    myl_key key = k->key;
    myl_child child;
    myl_scan *scan;
    myl_str found, row;

    *out = (myl_point){0, 0};
    myl_key_u32(&key, k->rel_type);
    MYL_TRY(myl_scan_values(k->cx, MYL_TABLE_RELATIONS_OF_KIND, myl_key_str(&key), MYL_ABSENT,
                            MYL_BACKWARD, &scan));
    MYL_TRY(myl_scan_next(scan, &found, &row));
    if (myl_str_present(found) && myl_child_cut(row, &child))
        *out = child.at;
    myl_scan_end(scan);
    return MYL_OK;
}

static myl_rc list_thread(const keeping *k, myl_point at, bool add)
{
    myl_key room = myl_key_of_u64(k->stored->room), row = myl_key_start();

    if (at.number == 0)
        return MYL_OK;
    myl_key_i64(&row, at.depth);
    myl_key_u64(&row, at.number);
    return keep_row(&(keeping){.cx = k->cx, .add = add}, MYL_TABLE_ROOM_THREADS, &room, &row);
}

/* After the child's own rows have been written or removed. */
static myl_rc keep_thread(const keeping *k, myl_related *related)
{
    myl_point newest;

    MYL_TRY(count_user(k));
    related->in_thread += k->add ? 1 : UINT32_MAX;
    MYL_TRY(newest_in_thread(k, &newest));
    if (newest.number == related->newest.number)
        return MYL_OK;
    MYL_TRY(list_thread(k, related->newest, false));
    MYL_TRY(list_thread(k, newest, true));
    related->newest = newest;
    return MYL_OK;
}

static myl_rc keep(const keeping *k)
{
    myl_related related;

    MYL_TRY(myl_related_get(k->cx, &k->key, &related));
    related.children += k->add ? 1 : UINT32_MAX;
    MYL_TRY(keep_child(k));
    if (is_edit(k))
        MYL_TRY(keep_edit(k));
    else if (myl_str_equal(k->relation.rel_type, MYL_S("m.annotation")))
        MYL_TRY(keep_annotation(k));
    else if (myl_str_equal(k->relation.rel_type, MYL_S("m.thread")))
        MYL_TRY(keep_thread(k, &related));
    return related_put(k->cx, &k->key, &related);
}

static myl_rc start_keeping(myl_ctx *cx, const myl_stored *stored, const myl_event *event,
                            keeping *k)
{
    const uint32_t out =
        MYL_EVENT_OUTLIER | MYL_EVENT_REJECTED | MYL_EVENT_SOFT_FAILED | MYL_EVENT_REDACTED;

    *k = (keeping){.cx = cx, .stored = stored, .content = event->content, .type = event->type};
    if ((stored->flags & out) == 0)
        k->relation = myl_relation_of(event->content);
    if (myl_str_present(k->relation.parent))
        k->key = myl_relation_key(stored->room, k->relation.parent);
    return MYL_OK;
}

myl_rc myl_room_relation_add(myl_ctx *cx, const myl_stored *stored, const myl_event *event)
{
    uint64_t rel_type;
    keeping k;

    MYL_TRY(start_keeping(cx, stored, event, &k));
    if (!myl_str_present(k.relation.parent))
        return MYL_OK;
    MYL_TRY(myl_store_intern(cx, MYL_INTERN_TYPE, k.relation.rel_type, &rel_type));
    k.rel_type = (uint32_t)rel_type;
    k.add = true;
    return keep(&k);
}

static myl_rc child_row(myl_ctx *cx, const keeping *k, bool *there)
{
    myl_key row = myl_key_start();

    myl_key_i64(&row, k->stored->depth);
    myl_key_u64(&row, k->stored->number);
    myl_key_u32(&row, k->rel_type);
    myl_key_u32(&row, k->stored->type);
    return myl_store_has(cx, MYL_TABLE_RELATIONS, myl_key_str(&k->key), myl_key_str(&row), there);
}

myl_rc myl_room_relation_remove(myl_ctx *cx, const myl_stored *stored, const myl_event *event)
{
    uint64_t rel_type;
    bool there;
    keeping k;

    MYL_TRY(start_keeping(cx, stored, event, &k));
    if (!myl_str_present(k.relation.parent))
        return MYL_OK;
    MYL_TRY(myl_store_interned(cx, MYL_INTERN_TYPE, k.relation.rel_type, &rel_type));
    k.rel_type = (uint32_t)rel_type;
    MYL_TRY(child_row(cx, &k, &there));
    return there ? keep(&k) : MYL_OK;
}

/* ---- what users of ours may send ---- */

static myl_rc check_annotation(myl_ctx *cx, const myl_room_head *head, const myl_outgoing *outgoing,
                               myl_key key)
{
    myl_str name = annotation_name(cx, outgoing->type, outgoing->content), row;
    uint64_t sender;
    myl_key full;

    if (!myl_str_present(name))
        return MYL_OK;
    MYL_UNUSED(head);
    if (name.len - outgoing->type.len - 1 > MYL_LIMIT_RELATION_KEY_BYTES)
        return myl_fail(cx, MYL_INVALID_PARAM, "m.relates_to.key: longer than %d bytes",
                        MYL_LIMIT_RELATION_KEY_BYTES);
    MYL_TRY(myl_store_interned(cx, MYL_INTERN_NAME, outgoing->sender, &sender));
    full = annotation_key(key, sender, name);
    MYL_TRY(myl_store_get(cx, MYL_TABLE_ANNOTATIONS, myl_key_str(&full), &row));
    if (myl_str_present(row))
        return myl_fail(cx, MYL_DUPLICATE_ANNOTATION, "you have sent this annotation already");
    return MYL_OK;
}

static myl_rc check_parent(myl_ctx *cx, const myl_room_head *head, const myl_relation *relation,
                           const myl_key *key)
{
    const myl_json *content;
    myl_related related;
    myl_stored parent;
    uint64_t number;

    MYL_TRY(myl_room_event_number(cx, relation->parent, &number));
    if (number == 0) {
        /* others know it: so may the sender */
        MYL_TRY(myl_related_get(cx, key, &related));
        return related.children > 0
                   ? MYL_OK
                   : myl_fail(cx, MYL_BAD_REQUEST, "m.relates_to.event_id: no such event");
    }
    MYL_TRY(myl_room_event(cx, number, &parent));
    if (parent.room != head->room)
        return myl_fail(cx, MYL_BAD_REQUEST, "m.relates_to.event_id: an event of another room");
    if (!myl_str_equal(relation->rel_type, MYL_S("m.thread")))
        return MYL_OK;
    MYL_TRY(myl_room_event_content(cx, &parent, &content));
    if (myl_str_present(myl_relation_of(content).rel_type))
        return myl_fail(cx, MYL_BAD_REQUEST,
                        "m.relates_to.event_id: no thread can begin at an event that is related");
    return MYL_OK;
}

myl_rc myl_room_check_relation(myl_ctx *cx, const myl_room_head *head, const myl_outgoing *outgoing)
{
    myl_relation relation = myl_relation_of(outgoing->content);
    myl_key key;

    if (!myl_str_present(relation.parent) || myl_str_present(outgoing->state_key))
        return MYL_OK;
    key = myl_relation_key(head->room, relation.parent);
    MYL_TRY(check_parent(cx, head, &relation, &key));
    if (myl_str_equal(relation.rel_type, MYL_S("m.annotation")))
        return check_annotation(cx, head, outgoing, key);
    return MYL_OK;
}

/* ---- `myelin check` ---- */

myl_rc myl_room_check_related(myl_ctx *cx, myl_check *check, const myl_stored *stored,
                              const myl_event *event)
{
    uint64_t rel_type;
    bool there;
    keeping k;

    MYL_TRY(start_keeping(cx, stored, event, &k));
    if (!myl_str_present(k.relation.parent))
        return MYL_OK;
    MYL_TRY(myl_store_interned(cx, MYL_INTERN_TYPE, k.relation.rel_type, &rel_type));
    k.rel_type = (uint32_t)rel_type;
    MYL_TRY(child_row(cx, &k, &there));
    if (!there)
        myl_check_wrong(check, "event %llu is not among its parent's children",
                        (unsigned long long)stored->number);
    return MYL_OK;
}

static myl_rc check_related_row(myl_ctx *cx, myl_check *check, myl_str key, myl_str row)
{
    myl_key room, thread = myl_key_start();
    uint64_t children, number;
    myl_related related;
    bool listed = true;

    MYL_UNUSED(row);
    thread.len = 0;
    myl_key_bytes(&thread, key.at, key.len);
    MYL_TRY(myl_related_get(cx, &thread, &related));
    MYL_TRY(myl_store_count(cx, MYL_TABLE_RELATIONS, key, &children));
    if (children != related.children || !myl_cut_u64(&key, &number)) {
        myl_check_wrong(check, "RELATED: %u children are counted, %llu are there", related.children,
                        (unsigned long long)children);
        return MYL_OK;
    }
    room = myl_key_of_u64(number);
    thread = myl_key_start();
    myl_key_i64(&thread, related.newest.depth);
    myl_key_u64(&thread, related.newest.number);
    if (related.in_thread > 0)
        MYL_TRY(myl_store_has(cx, MYL_TABLE_ROOM_THREADS, myl_key_str(&room), myl_key_str(&thread),
                              &listed));
    if (!listed)
        myl_check_wrong(check, "a thread of room %llu is not listed", (unsigned long long)number);
    return MYL_OK;
}

myl_rc myl_room_check_relations(myl_ctx *cx, myl_check *check)
{
    return myl_check_walk(cx, check, MYL_TABLE_RELATED, check_related_row);
}
