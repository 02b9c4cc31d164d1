/* relation_read.c: what is related to an event: pages of children, threads of a room.
 *
 * Callers: /relations, /threads, aggregations, filters.
 * Threads: the transaction's.
 * Holds:   nothing is given out that the reader may not see; a walk is bounded whatever it leaves out.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "room/relation_own.h"

/* ---- walks of children ---- */

myl_rc myl_children_start(myl_ctx *cx, const myl_children_of *of, myl_children *out)
{
    myl_key key = *of->parent, at = myl_key_start();
    bool back = of->direction == MYL_BACKWARD, begins = of->from != NULL;
    myl_table_id table = of->rel_type == 0 ? MYL_TABLE_RELATIONS : MYL_TABLE_RELATIONS_OF_KIND;

    *out = (myl_children){.cx = cx};
    if (of->rel_type != 0)
        myl_key_u32(&key, of->rel_type);
    if (begins) {
        uint64_t number = of->from->number;

        /* a place lies just after its event */
        myl_key_i64(&at, of->from->depth);
        myl_key_u64(&at, back || number == UINT64_MAX ? number : number + 1);
        myl_key_u64(&at, back ? UINT64_MAX : 0);
    }
    return myl_scan_values(cx, table, myl_key_str(&key), begins ? myl_key_str(&at) : MYL_ABSENT,
                           of->direction, &out->scan);
}

myl_rc myl_children_next(myl_children *walk, myl_child *out)
{
    myl_str key, row;

    *out = (myl_child){0};
    MYL_TRY(myl_scan_next(walk->scan, &key, &row));
    if (myl_str_present(key) && !myl_child_cut(row, out))
        return myl_fail(walk->cx, MYL_CORRUPT, "RELATIONS: a row cannot be read");
    return MYL_OK;
}

void myl_children_end(myl_children *walk)
{
    myl_scan_end(walk->scan);
}

myl_rc myl_relation_shown(myl_ctx *cx, myl_relation_reader *reader, const myl_stored *stored,
                          bool *out)
{
    *out = false;
    if ((stored->flags & MYL_EVENT_STATE) == 0 && myl_ignores(reader->ignored, stored->sender))
        return MYL_OK;
    return myl_room_may_see(cx, &reader->sight, stored, out);
}

/* ---- a page of children ---- */

typedef struct {
    myl_ctx *cx;
    const myl_relation_page *page;
    myl_relation_reader *reader;
    uint32_t rel_type, type; /* 0: any */
    myl_list events;         /* myl_stored */
} paging;

/* An absent name is any; one that was never seen has no children: *none. */
static myl_rc number_of(myl_ctx *cx, myl_str name, uint32_t *out, bool *none)
{
    uint64_t number = 0;

    *out = 0;
    if (!myl_str_present(name))
        return MYL_OK;
    MYL_TRY(myl_store_interned(cx, MYL_INTERN_TYPE, name, &number));
    *out = (uint32_t)number;
    if (number == 0)
        *none = true;
    return MYL_OK;
}

static bool is_before(myl_point a, myl_point b)
{
    return a.depth != b.depth ? a.depth < b.depth : a.number < b.number;
}

static bool is_past(const myl_relation_page *page, myl_point at)
{
    bool beyond = is_before(page->to, at);

    return page->has_to && (page->direction == MYL_BACKWARD ? !beyond : beyond);
}

/* The place on the far side of an event, as the walk goes. */
static myl_point place_after(const myl_relation_page *page, const myl_stored *stored)
{
    return page->direction == MYL_BACKWARD ? myl_point_before(stored) : myl_point_after(stored);
}

static myl_rc take_child(paging *p, const myl_child *child, myl_relation_found *out)
{
    myl_stored stored;
    bool shown = true;

    MYL_TRY(myl_room_event(p->cx, child->at.number, &stored));
    out->end = place_after(p->page, &stored);
    if (p->type == 0 || child->type == p->type)
        MYL_TRY(myl_relation_shown(p->cx, p->reader, &stored, &shown));
    else
        shown = false;
    if (shown)
        myl_list_push(&p->events, myl_stored, stored);
    return MYL_OK;
}

static myl_rc page_direct(paging *p, const myl_key *parent, myl_relation_found *out)
{
    myl_children walk;
    myl_child child;

    MYL_TRY(myl_children_start(
        p->cx, &(myl_children_of){parent, p->rel_type, &p->page->from, p->page->direction}, &walk));
    for (size_t steps = 0;; steps++) {
        MYL_TRY(myl_children_next(&walk, &child));
        if (child.at.number == 0 || is_past(p->page, child.at))
            break;
        out->more = p->events.count == p->page->limit || steps == MYL_LIMIT_MESSAGES_WALK;
        if (out->more)
            break;
        MYL_TRY(take_child(p, &child, out));
    }
    myl_children_end(&walk);
    return MYL_OK;
}

/* ---- with recursion ---- */

static int compare_children(const void *a, const void *b)
{
    const myl_child *x = a, *y = b;

    return is_before(x->at, y->at) ? -1 : is_before(y->at, x->at);
}

/* All children of one parent, behind those that are there. */
static myl_rc collect_children(myl_ctx *cx, const myl_key *parent, myl_list *all)
{
    myl_children walk;
    myl_child child;

    MYL_TRY(myl_children_start(cx, &(myl_children_of){parent, 0, NULL, MYL_BACKWARD}, &walk));
    while (all->count < MYL_LIMIT_RELATION_COLLECTED) {
        MYL_TRY(myl_children_next(&walk, &child));
        if (child.at.number == 0)
            break;
        myl_list_push(all, myl_child, child);
    }
    myl_children_end(&walk);
    return MYL_OK;
}

/* Level by level: what is in the list from `first` on are the parents of the next one. */
static myl_rc collect_levels(paging *p, const myl_key *parent, myl_list *all, size_t *depth)
{
    size_t first = 0, last;

    MYL_TRY(collect_children(p->cx, parent, all));
    for (*depth = 1; *depth < MYL_LIMIT_RELATION_RECURSION && first < all->count; (*depth)++) {
        last = all->count;
        for (size_t i = first; i < last; i++) {
            myl_stored stored;
            myl_key key;

            MYL_TRY(myl_room_event(p->cx, myl_list_get(all, myl_child, i).at.number, &stored));
            key = myl_relation_key(p->page->room, stored.event_id);
            MYL_TRY(collect_children(p->cx, &key, all));
        }
        first = last;
    }
    return MYL_OK;
}

static bool is_within(const myl_relation_page *page, myl_point at)
{
    bool after_from = is_before(page->from, at);

    return (page->direction == MYL_BACKWARD ? !after_from : after_from) && !is_past(page, at);
}

static myl_rc page_recursive(paging *p, const myl_key *parent, myl_relation_found *out)
{
    myl_list all = MYL_LIST(p->cx, myl_child);
    uint64_t before = 0;

    MYL_TRY(collect_levels(p, parent, &all, &out->depth));
    myl_list_sort(&all, compare_children);
    for (size_t i = 0; i < all.count && !out->more; i++) {
        size_t at = p->page->direction == MYL_BACKWARD ? all.count - 1 - i : i;
        const myl_child *child = myl_list_at(&all, at);

        if (child->at.number == before || !is_within(p->page, child->at) ||
            (p->rel_type != 0 && child->rel_type != p->rel_type))
            continue;
        before = child->at.number;
        out->more = p->events.count == p->page->limit;
        if (!out->more)
            MYL_TRY(take_child(p, child, out));
    }
    return MYL_OK;
}

myl_rc myl_room_relations(myl_ctx *cx, const myl_relation_page *page, myl_relation_reader *reader,
                          myl_relation_found *out)
{
    paging p = {.cx = cx, .page = page, .reader = reader, .events = MYL_LIST(cx, myl_stored)};
    myl_key parent = myl_relation_key(page->room, page->parent);
    bool none = false;

    *out = (myl_relation_found){.end = page->from};
    MYL_TRY(number_of(cx, page->rel_type, &p.rel_type, &none));
    MYL_TRY(number_of(cx, page->event_type, &p.type, &none));
    if (!none && page->recurse)
        MYL_TRY(page_recursive(&p, &parent, out));
    else if (!none)
        MYL_TRY(page_direct(&p, &parent, out));
    out->events = p.events.at;
    out->count = p.events.count;
    return MYL_OK;
}

/* ---- filters ---- */

static bool holds(const myl_str *list, size_t count, myl_str value)
{
    for (size_t i = 0; i < count; i++)
        if (myl_str_equal(list[i], value))
            return true;
    return count == 0;
}

static myl_rc is_wished(myl_ctx *cx, const myl_child *child, const myl_relation_wish *wish,
                        bool *out)
{
    myl_stored stored;
    myl_str name;

    MYL_TRY(myl_store_text_of(cx, MYL_INTERN_TYPE, child->rel_type, &name));
    *out = holds(wish->rel_types, wish->rel_type_count, name);
    if (!*out || wish->sender_count == 0)
        return MYL_OK;
    MYL_TRY(myl_room_event(cx, child->at.number, &stored));
    MYL_TRY(myl_store_text_of(cx, MYL_INTERN_NAME, stored.sender, &name));
    *out = holds(wish->senders, wish->sender_count, name);
    return MYL_OK;
}

myl_rc myl_room_has_related(myl_ctx *cx, const myl_stored *stored, const myl_relation_wish *wish,
                            bool *out)
{
    myl_key parent = myl_relation_key(stored->room, stored->event_id);
    myl_children walk;
    myl_child child;

    *out = false;
    MYL_TRY(myl_children_start(cx, &(myl_children_of){&parent, 0, NULL, MYL_BACKWARD}, &walk));
    for (size_t steps = 0; !*out && steps < MYL_LIMIT_RELATION_COLLECTED; steps++) {
        MYL_TRY(myl_children_next(&walk, &child));
        if (child.at.number == 0)
            break;
        MYL_TRY(is_wished(cx, &child, wish, out));
    }
    myl_children_end(&walk);
    return MYL_OK;
}

/* ---- one thread ---- */

static myl_rc events_of(myl_ctx *cx, const myl_key *root, uint64_t user, uint32_t *out)
{
    myl_key key = *root;
    myl_str row;

    *out = 0;
    myl_key_u64(&key, user);
    MYL_TRY(myl_store_get(cx, MYL_TABLE_THREAD_USERS, myl_key_str(&key), &row));
    if (myl_str_present(row) && !myl_cut_u32(&row, out))
        return myl_fail(cx, MYL_CORRUPT, "THREAD_USERS: a row cannot be read");
    return MYL_OK;
}

/* Those whose senders are ignored do not count. */
static myl_rc leave_out_ignored(myl_ctx *cx, const myl_key *root, const myl_ignored *ignored,
                                int64_t *count)
{
    for (size_t i = 0; ignored != NULL && i < ignored->count; i++) {
        uint32_t events;

        MYL_TRY(events_of(cx, root, ignored->users[i], &events));
        *count -= events;
    }
    return MYL_OK;
}

/* The newest that is shown. Newer ones that the reader may not see do not count. */
static myl_rc find_latest(myl_ctx *cx, const myl_key *root, myl_relation_reader *reader,
                          myl_thread_summary *out)
{
    myl_children walk;
    myl_child child;
    bool none = false, shown = false;
    uint32_t rel_type;

    MYL_TRY(number_of(cx, MYL_S("m.thread"), &rel_type, &none));
    if (none)
        return MYL_OK;
    MYL_TRY(myl_children_start(cx, &(myl_children_of){root, rel_type, NULL, MYL_BACKWARD}, &walk));
    for (size_t steps = 0; !shown && steps < MYL_LIMIT_RELATION_STEPS; steps++) {
        myl_stored stored;

        MYL_TRY(myl_children_next(&walk, &child));
        if (child.at.number == 0)
            break;
        MYL_TRY(myl_room_event(cx, child.at.number, &stored));
        MYL_TRY(myl_relation_shown(cx, reader, &stored, &shown));
        if (shown)
            out->latest = stored;
        else if (!myl_ignores(reader->ignored, stored.sender))
            out->count--;
    }
    myl_children_end(&walk);
    return MYL_OK;
}

myl_rc myl_room_thread(myl_ctx *cx, const myl_stored *root, myl_relation_reader *reader,
                       myl_thread_summary *out)
{
    myl_key key = myl_relation_key(root->room, root->event_id);
    myl_related related;
    uint32_t own = 0;

    *out = (myl_thread_summary){0};
    MYL_TRY(myl_related_get(cx, &key, &related));
    if (related.in_thread == 0)
        return MYL_OK;
    out->count = related.in_thread;
    MYL_TRY(leave_out_ignored(cx, &key, reader->ignored, &out->count));
    MYL_TRY(find_latest(cx, &key, reader, out));
    if (out->latest.number == 0)
        out->count = 0;
    if (reader->sight.user != 0)
        MYL_TRY(events_of(cx, &key, reader->sight.user, &own));
    out->participated = own > 0 || root->sender == reader->sight.user;
    return MYL_OK;
}

/* ---- the threads of a room ---- */

/* The root that the newest event of a thread names; number 0: unknown here, or not to be shown. */
static myl_rc open_root(myl_ctx *cx, uint64_t newest, myl_relation_reader *reader, myl_stored *root)
{
    const myl_json *content;
    myl_relation relation;
    myl_stored child;
    uint64_t number;
    bool seen;

    root->number = 0;
    MYL_TRY(myl_room_event(cx, newest, &child));
    MYL_TRY(myl_room_event_content(cx, &child, &content));
    relation = myl_relation_of(content);
    if (!myl_str_present(relation.parent))
        return MYL_OK;
    MYL_TRY(myl_room_event_number(cx, relation.parent, &number));
    if (number == 0)
        return MYL_OK;
    MYL_TRY(myl_room_event(cx, number, root));
    if ((root->flags & (MYL_EVENT_OUTLIER | MYL_EVENT_REJECTED | MYL_EVENT_SOFT_FAILED)) != 0 ||
        root->room != child.room) {
        root->number = 0;
        return MYL_OK;
    }
    MYL_TRY(myl_room_may_see(cx, &reader->sight, root, &seen));
    if (!seen)
        root->number = 0;
    return MYL_OK;
}

myl_rc myl_room_thread_of(myl_ctx *cx, uint64_t room, const myl_json *content,
                          myl_thread_place *out)
{
    *out = (myl_thread_place){.root = MYL_ABSENT};
    for (int i = 0; i < MYL_LIMIT_RELATION_RECURSION; i++) {
        myl_relation relation = myl_relation_of(content);
        myl_stored parent = {0};
        uint64_t number;

        if (!myl_str_present(relation.parent))
            return MYL_OK;
        MYL_TRY(myl_room_event_number(cx, relation.parent, &number));
        if (number != 0)
            MYL_TRY(myl_room_event(cx, number, &parent));
        if (parent.room == room)
            out->top = number;
        if (myl_str_equal(relation.rel_type, MYL_S("m.thread"))) {
            out->thread = out->top == number ? number : 0;
            out->root = relation.parent;
            return MYL_OK;
        }
        if (number == 0 || parent.room != room)
            return MYL_OK;
        MYL_TRY(myl_room_event_content(cx, &parent, &content));
    }
    return MYL_OK;
}

static myl_rc take_thread(paging *p, uint64_t newest, bool participated)
{
    myl_thread_summary summary;
    myl_stored root;

    MYL_TRY(open_root(p->cx, newest, p->reader, &root));
    if (root.number == 0)
        return MYL_OK;
    MYL_TRY(myl_room_thread(p->cx, &root, p->reader, &summary));
    if (summary.count <= 0 || (participated && !summary.participated))
        return MYL_OK;
    /* as if nobody who is ignored had begun it */
    if (myl_ignores(p->reader->ignored, root.sender))
        root.flags |= MYL_EVENT_REDACTED;
    myl_list_push(&p->events, myl_stored, root);
    return MYL_OK;
}

static myl_rc list_threads(paging *p, const myl_thread_page *page, myl_scan *scan,
                           myl_relation_found *out)
{
    for (size_t steps = 0;; steps++) {
        myl_str key, row;
        myl_point at;

        MYL_TRY(myl_scan_next(scan, &key, &row));
        if (!myl_str_present(key))
            return MYL_OK;
        out->more = p->events.count == page->limit || steps == MYL_LIMIT_THREADS_WALK;
        if (out->more)
            return MYL_OK;
        if (!myl_cut_i64(&row, &at.depth) || !myl_cut_u64(&row, &at.number))
            return myl_fail(p->cx, MYL_CORRUPT, "ROOM_THREADS: a row cannot be read");
        out->end = (myl_point){at.depth, at.number - 1};
        MYL_TRY(take_thread(p, at.number, page->participated));
    }
}

myl_rc myl_room_threads(myl_ctx *cx, const myl_thread_page *page, myl_relation_reader *reader,
                        myl_relation_found *out)
{
    paging p = {.cx = cx, .reader = reader, .events = MYL_LIST(cx, myl_stored)};
    myl_key room = myl_key_of_u64(page->room), from = myl_key_start();
    myl_scan *scan;

    *out = (myl_relation_found){.end = page->from};
    myl_key_i64(&from, page->from.depth);
    myl_key_u64(&from, page->from.number);
    MYL_TRY(myl_scan_values(cx, MYL_TABLE_ROOM_THREADS, myl_key_str(&room), myl_key_str(&from),
                            MYL_BACKWARD, &scan));
    MYL_TRY(list_threads(&p, page, scan, out));
    myl_scan_end(scan);
    out->events = p.events.at;
    out->count = p.events.count;
    return MYL_OK;
}
