/* state_res_book.c: plain events as a room: numbered, interned, with tree and index in memory.
 *
 * Why:     `myelin rules` gets events and lists of ids; entering by the same door as the store
 *          means that what is compared with other implementations is what the server runs.
 * Callers: `myelin rules`, `myelin explain-state`, tests.
 * Threads: belongs to its job.
 * Memory:  in the job; the events are the caller's.
 * Holds:   an event's number is greater than those of its auth events; a cycle is refused.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "rules/state_res_own.h"

struct myl_state_book {
    myl_ctx *cx;
    const myl_room_version *version;
    myl_map *numbers;        /* event id -> number_holder* */
    myl_state_event *events; /* by number - 1 */
    size_t count;
    myl_map *types;      /* type -> number_holder* */
    myl_map *state_keys; /* state key -> number_holder* */
    myl_list nodes;      /* myl_str, by number - 1 */
    myl_tree_nodes tree;
    myl_auth_rows rows;
    myl_state_source source;
};

typedef struct {
    uint64_t number;
    const myl_event *event; /* of an id: while it has no number yet */
    size_t waits;           /* auth events without a number */
    myl_list followers;     /* number_holder*: events that wait for it */
} number_holder;

static uint64_t number_of(const myl_map *map, myl_str text)
{
    const number_holder *holder = myl_map_get(map, text);
    return holder == NULL ? 0 : holder->number;
}

static uint64_t intern(myl_state_book *book, myl_map *map, myl_str text)
{
    void **slot = myl_map_slot(map, text);
    if (*slot == NULL) {
        number_holder *holder = myl_new(book->cx, number_holder);
        *slot = holder;
        holder->number = myl_map_count(map);
    }
    return ((number_holder *)*slot)->number;
}

/* --- callbacks -------------------------------------------------------------------------------- */

static myl_rc read_node(void *arg, myl_ctx *cx, uint64_t number, myl_str *bytes)
{
    const myl_state_book *book = arg;
    if (number == 0 || number > book->nodes.count)
        return myl_fail(cx, MYL_CORRUPT, "no such state node");
    *bytes = myl_list_get(&book->nodes, myl_str, (size_t)number - 1);
    return MYL_OK;
}

static myl_rc append_node(void *arg, myl_ctx *cx, myl_str bytes, uint64_t *number)
{
    myl_state_book *book = arg;
    MYL_UNUSED(cx);
    myl_list_push(&book->nodes, myl_str, myl_keep(book->cx, bytes));
    *number = book->nodes.count;
    return MYL_OK;
}

static myl_rc read_event(void *arg, myl_ctx *cx, uint64_t number, const myl_state_event **out)
{
    const myl_state_book *book = arg;
    if (number == 0 || number > book->count)
        return myl_fail(cx, MYL_CORRUPT, "no such event");
    *out = &book->events[number - 1];
    return MYL_OK;
}

static myl_rc read_key(void *arg, myl_ctx *cx, const char *type, myl_str state_key,
                       myl_state_key *out)
{
    const myl_state_book *book = arg;
    MYL_UNUSED(cx);
    out->state_key = number_of(book->state_keys, state_key);
    out->type = out->state_key == 0 ? 0 : (uint32_t)number_of(book->types, myl_str_of(type));
    return MYL_OK;
}

/* A room id of this form is the create event's id with another sigil. */
static myl_rc read_create(void *arg, myl_ctx *cx, const myl_event *event, const myl_event **create)
{
    const myl_state_book *book = arg;
    *create = NULL;
    if (event->room_id.len == 0)
        return MYL_OK;
    myl_str rest = myl_str_slice(event->room_id, 1, event->room_id.len);
    uint64_t number = number_of(book->numbers, myl_strf(cx, "$%.*s", MYL_FMT(rest)));
    const myl_event *found = myl_state_book_event(book, number);
    if (found != NULL && !found->rejected && myl_event_is(found, "m.room.create", MYL_S("")))
        *create = found;
    return MYL_OK;
}

/* --- numbering -------------------------------------------------------------------------------- */

static void list_events(myl_state_book *book, const myl_event *const *events, size_t count,
                        myl_list *holders)
{
    for (size_t i = 0; i < count; i++) {
        void **slot = myl_map_slot(book->numbers, events[i]->event_id);
        if (*slot != NULL)
            continue;
        number_holder *holder = myl_new(book->cx, number_holder);
        *slot = holder;
        holder->event = events[i];
        holder->followers = MYL_LIST(book->cx, number_holder *);
        myl_list_push(holders, number_holder *, holder);
    }
}

static void wait_for_auth(myl_state_book *book, number_holder *holder)
{
    for (size_t i = 0; i < holder->event->auth_event_count; i++) {
        number_holder *auth = myl_map_get(book->numbers, holder->event->auth_events[i]);
        if (auth == NULL)
            continue;
        myl_list_push(&auth->followers, number_holder *, holder);
        holder->waits++;
    }
}

static void enter_event(myl_state_book *book, const myl_event *event)
{
    uint64_t *auth = myl_new_array(book->cx, uint64_t, event->auth_event_count);
    myl_state_event *entered = &book->events[book->count];
    entered->number = ++book->count;
    entered->event = event;
    entered->auth = auth;
    for (size_t i = 0; i < event->auth_event_count; i++) {
        uint64_t number = number_of(book->numbers, event->auth_events[i]);
        if (number != 0)
            auth[entered->auth_count++] = number;
    }
    entered->type = (uint32_t)intern(book, book->types, event->type);
    if (myl_str_present(event->state_key))
        entered->state_key = intern(book, book->state_keys, event->state_key);
}

/* From a waiting event down to waiting auth events, long enough to be on the cycle. */
static myl_rc fail_cycle(const myl_state_book *book, const myl_list *holders)
{
    const number_holder *at = NULL;
    for (size_t i = 0; i < holders->count && at == NULL; i++) {
        const number_holder *holder = myl_list_get(holders, const number_holder *, i);
        at = holder->waits > 0 ? holder : NULL;
    }
    MYL_ASSERT(at != NULL);
    for (size_t step = 0; step < holders->count; step++) {
        const number_holder *below = NULL;
        for (size_t i = 0; i < at->event->auth_event_count; i++) {
            const number_holder *auth = myl_map_get(book->numbers, at->event->auth_events[i]);
            if (auth != NULL && auth->waits > 0)
                below = auth;
        }
        MYL_ASSERT(below != NULL);
        at = below;
    }
    return myl_fail(book->cx, MYL_BAD_EVENT, "auth events form a cycle through %.*s",
                    MYL_FMT(at->event->event_id));
}

/* Ancestors first; otherwise in the order given. */
static myl_rc number_events(myl_state_book *book, const myl_list *holders)
{
    myl_list ready = MYL_LIST(book->cx, number_holder *);
    for (size_t i = 0; i < holders->count; i++)
        wait_for_auth(book, myl_list_get(holders, number_holder *, i));
    for (size_t i = 0; i < holders->count; i++) {
        number_holder *holder = myl_list_get(holders, number_holder *, i);
        if (holder->waits == 0)
            myl_list_push(&ready, number_holder *, holder);
    }
    for (size_t i = 0; i < ready.count; i++) {
        number_holder *holder = myl_list_get(&ready, number_holder *, i);
        enter_event(book, holder->event);
        holder->number = book->count;
        for (size_t k = 0; k < holder->followers.count; k++) {
            number_holder *follower = myl_list_get(&holder->followers, number_holder *, k);
            if (--follower->waits == 0)
                myl_list_push(&ready, number_holder *, follower);
        }
    }
    return ready.count == holders->count ? MYL_OK : fail_cycle(book, holders);
}

static myl_rc index_events(myl_state_book *book)
{
    for (size_t i = 0; i < book->count; i++) {
        const myl_state_event *at = &book->events[i];
        bool is_levels = myl_event_is(at->event, "m.room.power_levels", MYL_S(""));
        myl_auth_entry entry = {at->number, at->type, at->state_key,
                                is_levels,  at->auth, at->auth_count};
        MYL_TRY(myl_auth_index_add(book->cx, &book->rows, &entry));
    }
    return MYL_OK;
}

myl_rc myl_state_book_start(myl_ctx *cx, const myl_room_version *version,
                            const myl_event *const *events, size_t count, myl_state_book **out)
{
    myl_state_book *book = myl_new(cx, myl_state_book);
    book->cx = cx;
    book->version = version;
    book->numbers = myl_map_start(cx, count);
    book->types = myl_map_start(cx, 16);
    book->state_keys = myl_map_start(cx, 16);
    book->nodes = MYL_LIST(cx, myl_str);
    book->tree = (myl_tree_nodes){.read = read_node, .append = append_node, .arg = book};
    book->rows = myl_auth_book_rows(myl_auth_book_start(cx));
    book->source = (myl_state_source){version, read_create, read_event, read_key,
                                      book,    &book->tree, &book->rows};

    myl_list holders = MYL_LIST(cx, number_holder *);
    list_events(book, events, count, &holders);
    book->events = myl_new_array(cx, myl_state_event, holders.count);
    MYL_TRY(number_events(book, &holders));
    MYL_TRY(index_events(book));
    *out = book;
    return MYL_OK;
}

const myl_state_source *myl_state_book_source(const myl_state_book *book)
{
    return &book->source;
}

const myl_event *myl_state_book_event(const myl_state_book *book, uint64_t number)
{
    return number == 0 || number > book->count ? NULL : book->events[number - 1].event;
}

/* --- states ----------------------------------------------------------------------------------- */

myl_rc myl_state_book_root(myl_ctx *cx, myl_state_book *book, const myl_str *ids, size_t count,
                           myl_tree_root *out)
{
    myl_tree_entry *entries = myl_new_array(cx, myl_tree_entry, count);
    key_map taken = myl_keys_start(cx);
    for (size_t i = 0; i < count; i++) {
        uint64_t number = number_of(book->numbers, ids[i]);
        if (number == 0)
            return myl_fail(cx, MYL_BAD_EVENT, "%.*s is in a state and not among the events",
                            MYL_FMT(ids[i]));
        const myl_state_event *at = &book->events[number - 1];
        if (at->state_key == 0)
            return myl_fail(cx, MYL_BAD_EVENT, "%.*s is no state event", MYL_FMT(ids[i]));
        uint64_t *before = myl_keys_slot(&taken, at->type, at->state_key);
        if (*before != 0 && *before != number)
            return myl_fail(cx, MYL_BAD_EVENT, "%.*s stands beside another event of its key",
                            MYL_FMT(ids[i]));
        *before = number;
        entries[i] = (myl_tree_entry){at->type, at->state_key, number};
    }
    return myl_tree_change(cx, &book->tree, 0, entries, count, out);
}

typedef struct {
    const myl_state_book *book;
    myl_list *ids;
} id_list;

static myl_rc list_id(void *arg, const myl_tree_entry *entry)
{
    const id_list *at = arg;
    myl_list_push(at->ids, myl_str, myl_state_book_event(at->book, entry->event)->event_id);
    return MYL_OK;
}

static int compare_ids(const void *a, const void *b)
{
    return myl_str_compare(*(const myl_str *)a, *(const myl_str *)b);
}

myl_rc myl_rules_resolve_events(myl_ctx *cx, const myl_resolve_input *input, const myl_str **ids,
                                size_t *count)
{
    myl_state_book *book;
    myl_tree_root roots[MYL_LIMIT_STATE_SETS], resolved = 0;
    myl_list list = MYL_LIST(cx, myl_str);
    if (input->set_count > MYL_LIMIT_STATE_SETS)
        return myl_fail(cx, MYL_BAD_REQUEST, "more than %d states", MYL_LIMIT_STATE_SETS);
    MYL_TRY(myl_state_book_start(cx, input->version, input->events, input->event_count, &book));
    for (size_t i = 0; i < input->set_count; i++)
        MYL_TRY(myl_state_book_root(cx, book, input->sets[i].ids, input->sets[i].count, &roots[i]));
    myl_resolve_request request = {&book->source, roots, input->set_count, NULL};
    if (input->set_count > 0)
        MYL_TRY(myl_rules_resolve(cx, &request, &resolved));

    id_list at = {book, &list};
    MYL_TRY(myl_tree_walk(cx, &book->tree, resolved, 0, list_id, &at));
    myl_list_sort(&list, compare_ids);
    *ids = list.at;
    *count = list.count;
    return MYL_OK;
}
