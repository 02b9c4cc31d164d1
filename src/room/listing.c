/* listing.c: the room directory: lists of rooms, the fullest first, a page at a time.
 *
 * Spec:    Client-Server API, Published room directory.
 * Why:     a list is kept in the order that it is read in, so a page costs its own rooms and no sort.
 * Callers: both publicRooms, the directory's endpoints, createRoom, upgrades; member.c when rooms fill.
 * Threads: the transaction's.
 * Holds:   LISTS and LISTED_ROOMS say the same; a listed room stands in the list "*" too.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <myelin/room_directory.h>

#include "room/room_own.h"

#include <myelin/base_words.h>

static const myl_str every = MYL_S_INIT("*");

/* ---- keeping the lists ---- */

static myl_key list_key(myl_str list)
{
    myl_key key = myl_key_start();

    myl_key_hash(&key, list);
    return key;
}

static myl_key place_of(uint32_t joined, uint64_t room)
{
    myl_key place = myl_key_start();

    myl_key_u32(&place, UINT32_MAX - joined);
    myl_key_u64(&place, room);
    return place;
}

/* `hash` is the key of a list. *listed false: it is not in it. */
static myl_rc find(myl_ctx *cx, uint64_t room, myl_str hash, bool *listed, uint32_t *joined)
{
    myl_key key = myl_key_of_u64(room);
    myl_str row;

    myl_key_bytes(&key, hash.at, hash.len);
    MYL_TRY(myl_store_get(cx, MYL_TABLE_LISTED_ROOMS, myl_key_str(&key), &row));
    *listed = myl_str_present(row);
    *joined = 0;
    if (*listed && !myl_cut_u32(&row, joined))
        return myl_fail(cx, MYL_CORRUPT, "LISTED_ROOMS: bad row");
    return MYL_OK;
}

static myl_rc take_out(myl_ctx *cx, uint64_t room, myl_str hash)
{
    myl_key key = myl_key_of_u64(room), place;
    uint32_t joined;
    bool listed;

    MYL_TRY(find(cx, room, hash, &listed, &joined));
    if (!listed)
        return MYL_OK;
    place = place_of(joined, room);
    myl_key_bytes(&key, hash.at, hash.len);
    MYL_TRY(myl_store_remove(cx, MYL_TABLE_LISTS, hash, myl_key_str(&place)));
    return myl_store_delete(cx, MYL_TABLE_LISTED_ROOMS, myl_key_str(&key));
}

static myl_rc put_in(myl_ctx *cx, uint64_t room, myl_str hash, uint32_t joined)
{
    myl_key key = myl_key_of_u64(room), place = place_of(joined, room), row = myl_key_start();

    MYL_TRY(take_out(cx, room, hash));
    myl_key_u32(&row, joined);
    myl_key_bytes(&key, hash.at, hash.len);
    MYL_TRY(myl_store_put(cx, MYL_TABLE_LISTED_ROOMS, myl_key_str(&key), myl_key_str(&row)));
    return myl_store_add(cx, MYL_TABLE_LISTS, hash, myl_key_str(&place));
}

/* The keys of the lists that a room is in (myl_str). */
static myl_rc lists_of(myl_ctx *cx, uint64_t room, myl_list *out)
{
    myl_key prefix = myl_key_of_u64(room);
    myl_scan *scan;
    myl_str key, row;

    *out = MYL_LIST(cx, myl_str);
    MYL_TRY(myl_scan_start(cx, MYL_TABLE_LISTED_ROOMS, myl_key_str(&prefix), MYL_ABSENT,
                           MYL_FORWARD, &scan));
    for (;;) {
        MYL_TRY(myl_scan_next(scan, &key, &row));
        if (!myl_str_present(key))
            break;
        myl_list_push(out, myl_str, myl_keep(cx, myl_str_slice(key, 8, SIZE_MAX)));
    }
    myl_scan_end(scan);
    return MYL_OK;
}

myl_rc myl_room_list_moved(myl_ctx *cx, uint64_t room, uint32_t joined)
{
    myl_list lists;

    MYL_TRY(lists_of(cx, room, &lists));
    for (size_t i = 0; i < lists.count; i++)
        MYL_TRY(put_in(cx, room, myl_list_get(&lists, myl_str, i), joined));
    return MYL_OK;
}

myl_rc myl_room_list_has(myl_ctx *cx, uint64_t room, myl_str list, bool *out)
{
    myl_key key = list_key(list);
    uint32_t joined;

    return find(cx, room, myl_key_str(&key), out, &joined);
}

myl_rc myl_room_list_put(myl_ctx *cx, const myl_room_head *head, myl_str list, bool listed)
{
    myl_key key = list_key(list), all = list_key(every);
    myl_list lists;

    if (listed) {
        MYL_TRY(put_in(cx, head->room, myl_key_str(&key), head->joined));
        return put_in(cx, head->room, myl_key_str(&all), head->joined);
    }
    MYL_TRY(take_out(cx, head->room, myl_key_str(&key)));
    MYL_TRY(lists_of(cx, head->room, &lists));
    return lists.count > 1 ? MYL_OK : take_out(cx, head->room, myl_key_str(&all));
}

myl_rc myl_room_directory_drop(myl_ctx *cx, uint64_t room)
{
    const myl_str *aliases;
    myl_list lists;
    size_t count;

    MYL_TRY(lists_of(cx, room, &lists));
    for (size_t i = 0; i < lists.count; i++)
        MYL_TRY(take_out(cx, room, myl_list_get(&lists, myl_str, i)));
    MYL_TRY(myl_room_aliases(cx, room, &aliases, &count));
    for (size_t i = 0; i < count; i++)
        MYL_TRY(myl_room_alias_remove(cx, aliases[i]));
    return MYL_OK;
}

/* ---- pages ---- */

/* A place in a list: just before the row, or just behind it. Written "n<joined>_<room>": forward from behind that room;
 * "p…": backward from before it. */
typedef struct {
    bool backward;
    bool given;
    uint32_t joined;
    uint64_t room;
} place;

static myl_rc read_place(myl_ctx *cx, myl_str token, place *out)
{
    size_t split = token.len > 1 ? myl_str_find(token, '_', 1) : SIZE_MAX;
    int64_t joined, room;

    *out = (place){.given = token.len > 0};
    if (!out->given)
        return MYL_OK;
    if ((token.at[0] != 'n' && token.at[0] != 'p') || split == SIZE_MAX ||
        !myl_str_to_int(myl_str_slice(token, 1, split - 1), &joined) ||
        !myl_str_to_int(myl_str_slice(token, split + 1, SIZE_MAX), &room) || joined < 0 ||
        joined > UINT32_MAX || room < 0)
        return myl_fail(cx, MYL_INVALID_PARAM, "since: not a token of this list");
    out->backward = token.at[0] == 'p';
    out->joined = (uint32_t)joined;
    out->room = (uint64_t)room;
    return MYL_OK;
}

static myl_str write_place(myl_ctx *cx, bool backward, const place *at)
{
    return myl_strf(cx, "%c%u_%llu", backward ? 'p' : 'n', at->joined,
                    (unsigned long long)at->room);
}

/* The rows of a list beyond a place, in reading order of that direction. */
static myl_rc start_rows(myl_ctx *cx, myl_str list, const place *from, myl_scan **out)
{
    myl_key key = list_key(list), row = place_of(from->joined, from->room);

    return myl_scan_values(cx, MYL_TABLE_LISTS, myl_key_str(&key),
                           from->given ? myl_key_str(&row) : MYL_ABSENT,
                           from->backward ? MYL_BACKWARD : MYL_FORWARD, out);
}

/* The next row that is not the place itself; room 0 at the end. */
static myl_rc next_row(myl_ctx *cx, myl_scan *scan, const place *from, place *out)
{
    myl_str key, value;

    *out = (place){.given = true};
    do {
        MYL_TRY(myl_scan_next(scan, &key, &value));
        if (!myl_str_present(key)) {
            out->room = 0;
            return MYL_OK;
        }
        if (!myl_cut_u32(&value, &out->joined) || !myl_cut_u64(&value, &out->room))
            return myl_fail(cx, MYL_CORRUPT, "LISTS: bad row");
        out->joined = UINT32_MAX - out->joined;
    } while (from->given && out->joined == from->joined && out->room == from->room);
    return MYL_OK;
}

static bool holds(myl_ctx *cx, myl_str text, myl_str folded_term)
{
    myl_str folded = myl_words_fold(cx, myl_str_present(text) ? text : MYL_S(""));

    for (size_t i = 0; i + folded_term.len <= folded.len; i++)
        if (memcmp(folded.at + i, folded_term.at, folded_term.len) == 0)
            return true;
    return false;
}

static bool type_wanted(const myl_json *types, myl_str type)
{
    if (types == NULL)
        return true;
    for (uint32_t i = 0; i < types->count; i++) {
        const myl_json *wanted = &types->items[i];

        if (wanted->kind == MYL_JSON_NULL ? !myl_str_present(type)
                                          : myl_str_equal(wanted->text, type))
            return true;
    }
    return false;
}

static bool is_wanted(myl_ctx *cx, const myl_list_ask *ask, const myl_room_summary *room)
{
    if (room->head.joined == 0 || !type_wanted(ask->room_types, room->room_type))
        return false;
    return ask->term.len == 0 || holds(cx, room->name, ask->term) ||
           holds(cx, room->topic, ask->term) || holds(cx, room->canonical_alias, ask->term);
}

typedef struct {
    myl_list rooms; /* myl_room_summary */
    place first, last;
    bool more;
} gathered;

static myl_rc gather(myl_ctx *cx, const myl_list_ask *ask, const place *from, gathered *out)
{
    myl_scan *scan;
    place row;

    *out = (gathered){.rooms = MYL_LIST(cx, myl_room_summary)};
    MYL_TRY(start_rows(cx, ask->list, from, &scan));
    for (int looks = 0;; looks++) {
        myl_room_head head;
        myl_room_summary room;

        MYL_TRY(next_row(cx, scan, from, &row));
        out->more = row.room != 0;
        if (!out->more || out->rooms.count == ask->limit || looks == MYL_LIMIT_LIST_LOOKS)
            break;
        MYL_TRY(myl_room_head_of(cx, row.room, &head));
        MYL_TRY(myl_room_summary_read(cx, &head, &room));
        out->last = row;
        if (!out->first.given)
            out->first = row;
        if (is_wanted(cx, ask, &room))
            myl_list_push(&out->rooms, myl_room_summary, room);
    }
    myl_scan_end(scan);
    return MYL_OK;
}

/* Is there a row on the other side of where a page began? */
static myl_rc is_any(myl_ctx *cx, myl_str list, const place *from, bool backward, bool *out)
{
    place at = *from, row;
    myl_scan *scan;

    at.backward = backward;
    MYL_TRY(start_rows(cx, list, &at, &scan));
    MYL_TRY(next_row(cx, scan, &at, &row));
    myl_scan_end(scan);
    *out = row.room != 0;
    return MYL_OK;
}

static void turn_round(myl_list *rooms)
{
    for (size_t i = 0; i < rooms->count / 2; i++) {
        myl_room_summary *a = myl_list_at(rooms, i), *b = myl_list_at(rooms, rooms->count - 1 - i);
        myl_room_summary kept = *a;

        *a = *b;
        *b = kept;
    }
}

static myl_rc set_tokens(myl_ctx *cx, const myl_list_ask *ask, const place *from, gathered *got,
                         myl_list_page *out)
{
    bool behind = false;

    if (got->first.given)
        MYL_TRY(is_any(cx, ask->list, &got->first, !from->backward, &behind));
    if (from->backward) {
        turn_round(&got->rooms);
        out->prev = got->more ? write_place(cx, true, &got->last) : MYL_ABSENT;
        out->next = behind ? write_place(cx, false, &got->first) : MYL_ABSENT;
    } else {
        out->next = got->more ? write_place(cx, false, &got->last) : MYL_ABSENT;
        out->prev = behind ? write_place(cx, true, &got->first) : MYL_ABSENT;
    }
    return MYL_OK;
}

myl_rc myl_room_list_page(myl_ctx *cx, const myl_list_ask *ask, myl_list_page *out)
{
    myl_list_ask asked = *ask;
    myl_key key = list_key(ask->list);
    gathered got;
    place from;

    memset(out, 0, sizeof(*out));
    if (asked.limit == 0 || asked.limit > MYL_LIMIT_LIST_PAGE)
        asked.limit = MYL_LIMIT_LIST_PAGE;
    if (myl_str_present(ask->term))
        asked.term = myl_words_fold(cx, ask->term);
    MYL_TRY(read_place(cx, ask->since, &from));
    MYL_TRY(gather(cx, &asked, &from, &got));
    MYL_TRY(set_tokens(cx, &asked, &from, &got, out));
    out->rooms = got.rooms.at;
    out->count = got.rooms.count;
    return myl_store_count(cx, MYL_TABLE_LISTS, myl_key_str(&key), &out->total);
}

void myl_room_list_write(myl_writer *w, const myl_list_page *page)
{
    myl_write_open(w, '{');
    myl_write_open_key(w, "chunk", '[');
    for (size_t i = 0; i < page->count; i++) {
        myl_write_open(w, '{');
        myl_room_summary_write(w, &page->rooms[i], false);
        myl_write_close(w, '}');
    }
    myl_write_close(w, ']');
    myl_write_str(w, "next_batch", page->next);
    myl_write_str(w, "prev_batch", page->prev);
    myl_write_int(w, "total_room_count_estimate", (int64_t)page->total);
    myl_write_close(w, '}');
}
