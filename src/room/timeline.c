/* timeline.c: the two orders of a room's events, and tokens into the reading order.
 *
 * Callers: /sync (arrival), /messages and /context (reading).
 * Threads: the transaction's.
 * Memory:  a walk lives in the job; its scan ends with myl_walk_end or the transaction.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "room/room_own.h"

/* ---- places and their tokens ---- */

myl_point myl_point_before(const myl_stored *stored)
{
    if (stored->number == 0)
        return (myl_point){stored->depth - 1, UINT64_MAX};
    return (myl_point){stored->depth, stored->number - 1};
}

myl_point myl_point_after(const myl_stored *stored)
{
    return (myl_point){stored->depth, stored->number};
}

myl_str myl_point_write(myl_ctx *cx, myl_point place)
{
    return myl_strf(cx, "p%lld_%llu", (long long)place.depth, (unsigned long long)place.number);
}

static bool read_number(myl_str text, uint64_t *out)
{
    uint64_t value = 0;

    if (text.len == 0 || text.len > 20)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        uint64_t digit = (uint64_t)(text.at[i] - '0');

        if (text.at[i] < '0' || text.at[i] > '9' || value > (UINT64_MAX - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    *out = value;
    return true;
}

myl_str myl_point_write_marked(myl_ctx *cx, myl_point place, myl_point_marks marks)
{
    myl_str token = myl_point_write(cx, place);

    if (marks.bound != 0)
        token = myl_strf(cx, "%.*s~%llu", MYL_FMT(token), (unsigned long long)marks.bound);
    if (marks.position != 0)
        token = myl_strf(cx, "%.*s.%llu", MYL_FMT(token), (unsigned long long)marks.position);
    return token;
}

/* Cuts a mark off the end of a token; 0, and nothing cut, when there is none. */
static uint64_t cut_mark(myl_str *token, char sign)
{
    size_t at = myl_str_find(*token, sign, 0);
    uint64_t value = 0;

    if (at == SIZE_MAX || !read_number(myl_str_slice(*token, at + 1, SIZE_MAX), &value))
        return 0;
    if (value != 0)
        *token = myl_str_slice(*token, 0, at);
    return value;
}

myl_point_marks myl_point_read_marks(myl_str token)
{
    myl_point_marks marks = {.position = cut_mark(&token, '.')};

    marks.bound = cut_mark(&token, '~');
    return marks;
}

myl_rc myl_point_read(myl_ctx *cx, myl_str token, const char *parameter, myl_point *out)
{
    size_t bar;

    (void)cut_mark(&token, '.');
    (void)cut_mark(&token, '~');
    bar = myl_str_find(token, '_', 0);
    if (token.len < 4 || token.at[0] != 'p' || bar == SIZE_MAX ||
        !myl_str_to_int(myl_str_slice(token, 1, bar - 1), &out->depth) ||
        !read_number(myl_str_slice(token, bar + 1, SIZE_MAX), &out->number))
        return myl_fail(cx, MYL_INVALID_PARAM, "%s: not a token of this server", parameter);
    return MYL_OK;
}

/* ---- walks ---- */

struct myl_walk {
    myl_ctx *cx;
    myl_scan *scan;
    bool arrival;
    myl_range range; /* arrival */
};

static myl_rc start_walk(myl_walk *walk, myl_table_id table, uint64_t room, const myl_key *from,
                         myl_direction direction)
{
    myl_key key = myl_key_of_u64(room);

    walk->arrival = table == MYL_TABLE_ROOM_ARRIVAL;
    return myl_scan_values(walk->cx, table, myl_key_str(&key), myl_key_str(from), direction,
                           &walk->scan);
}

myl_rc myl_walk_reading(myl_ctx *cx, uint64_t room, myl_point from, myl_direction direction,
                        myl_walk **out)
{
    myl_key at = myl_key_start();
    uint64_t number = from.number;

    /* a place lies just after its event: backward begins with the event, forward with the next one */
    if (direction == MYL_FORWARD && number != UINT64_MAX)
        number++;
    myl_key_i64(&at, from.depth);
    myl_key_u64(&at, number);
    *out = myl_new(cx, myl_walk);
    (*out)->cx = cx;
    return start_walk(*out, MYL_TABLE_ROOM_READING, room, &at, direction);
}

myl_rc myl_walk_arrival(myl_ctx *cx, uint64_t room, const myl_range *range, myl_direction direction,
                        myl_walk **out)
{
    uint64_t first = direction == MYL_FORWARD ? range->after : range->upto;
    myl_key at = myl_key_of_u64s(first, UINT64_MAX);

    *out = myl_new(cx, myl_walk);
    (*out)->cx = cx;
    (*out)->range = *range;
    return start_walk(*out, MYL_TABLE_ROOM_ARRIVAL, room, &at, direction);
}

/* The number in a row; 0 when the walk is over. */
static myl_rc cut_row(myl_walk *walk, myl_str row, uint64_t *number)
{
    uint64_t first;

    if (!myl_cut_u64(&row, &first) || !myl_cut_u64(&row, number))
        return myl_fail(walk->cx, MYL_CORRUPT, "a timeline row is too short");
    if (walk->arrival && (first <= walk->range.after || first > walk->range.upto))
        *number = 0;
    return MYL_OK;
}

myl_rc myl_walk_next(myl_walk *walk, myl_stored *out)
{
    out->number = 0;
    for (;;) {
        myl_str key, row;
        uint64_t number;

        MYL_TRY(myl_scan_next(walk->scan, &key, &row));
        if (!myl_str_present(key))
            return MYL_OK;
        MYL_TRY(cut_row(walk, row, &number));
        if (number == 0)
            return MYL_OK;
        MYL_TRY(myl_room_event(walk->cx, number, out));
        if ((out->flags & (MYL_EVENT_REJECTED | MYL_EVENT_SOFT_FAILED | MYL_EVENT_OUTLIER |
                           MYL_EVENT_HELD)) == 0)
            return MYL_OK;
        out->number = 0;
    }
}

void myl_walk_end(myl_walk *walk)
{
    myl_scan_end(walk->scan);
}

myl_rc myl_point_of_position(myl_ctx *cx, uint64_t room, uint64_t position, myl_point *out)
{
    myl_stored newest;
    myl_walk *walk;

    *out = (myl_point){INT64_MIN, 0};
    MYL_TRY(myl_walk_arrival(cx, room, &(myl_range){0, position}, MYL_BACKWARD, &walk));
    MYL_TRY(myl_walk_next(walk, &newest));
    myl_walk_end(walk);
    if (newest.number != 0)
        *out = myl_point_after(&newest);
    return MYL_OK;
}

/* ---- what changed, by position ---- */

myl_rc myl_room_mark_changed(myl_ctx *cx, uint64_t room, uint64_t position)
{
    myl_key key = myl_key_of_u64(position), value = myl_key_of_u64(room);

    myl_engine_note(cx, MYL_NOTE_ROOM, room);
    return myl_store_append(cx, MYL_TABLE_ROOM_LOG, myl_key_str(&key), myl_key_str(&value));
}

static size_t unique(uint64_t *rooms, size_t count)
{
    size_t kept = 0;

    for (size_t i = 0; i < count; i++)
        if (kept == 0 || rooms[kept - 1] != rooms[i])
            rooms[kept++] = rooms[i];
    return kept;
}

myl_rc myl_room_changed(myl_ctx *cx, uint64_t after, size_t limit, myl_changed_rooms *out)
{
    myl_list list = MYL_LIST(cx, uint64_t);
    myl_key from = myl_key_of_u64(after + 1);
    myl_scan *scan;
    myl_str key, value;

    *out = (myl_changed_rooms){0};
    MYL_TRY(
        myl_scan_start(cx, MYL_TABLE_ROOM_LOG, MYL_ABSENT, myl_key_str(&from), MYL_FORWARD, &scan));
    for (;;) {
        uint64_t room;

        MYL_TRY(myl_scan_next(scan, &key, &value));
        if (!myl_str_present(key))
            break;
        if (list.count == limit) {
            out->all = true;
            list.count = 0;
            break;
        }
        if (!myl_cut_u64(&value, &room))
            return myl_fail(cx, MYL_CORRUPT, "ROOM_LOG: bad row");
        myl_list_push(&list, uint64_t, room);
    }
    myl_scan_end(scan);
    myl_list_sort(&list, myl_room_compare_numbers);
    out->rooms = list.at;
    out->count = unique(list.at, list.count);
    return MYL_OK;
}
