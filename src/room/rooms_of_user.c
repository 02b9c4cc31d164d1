/* rooms_of_user.c: a user's rooms in the order of their numbers, and those that two lists have in common.
 *
 * Why:     what is asked for a user in 5,000 rooms mostly concerns a few of them: a walk leaps over the others, so finding what
 *          two lists share costs the shorter of the two.
 * Callers: /sync, device lists, presence; whoever asks for all rooms of a user.
 * Threads: the transaction's.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "room/room_own.h"

#include <myelin/room_share.h>

enum { NEAR_ROWS = 8 }; /* steps that cost less than finding the row anew */

/* A place in USER_ROOMS. */
typedef struct {
    myl_ctx *cx;
    uint64_t user;
    myl_scan *scan;
    myl_member at; /* room 0: over */
} walk;

static myl_rc step(walk *w)
{
    myl_str key, row;

    w->at = (myl_member){.user = w->user};
    MYL_TRY(myl_scan_next(w->scan, &key, &row));
    if (!myl_str_present(key))
        return MYL_OK;
    key = myl_str_slice(key, 8, SIZE_MAX);
    if (!myl_cut_u64(&key, &w->at.room) || !myl_room_cut_member(row, &w->at))
        return myl_fail(w->cx, MYL_CORRUPT, "USER_ROOMS: bad row");
    return MYL_OK;
}

static myl_rc start_at(walk *w, uint64_t room)
{
    myl_key prefix = myl_key_of_u64(w->user), from = myl_key_of_u64s(w->user, room);

    MYL_TRY(myl_scan_start(w->cx, MYL_TABLE_USER_ROOMS, myl_key_str(&prefix), myl_key_str(&from),
                           MYL_FORWARD, &w->scan));
    return step(w);
}

/* On to the first room whose number is not less. */
static myl_rc leap(walk *w, uint64_t room)
{
    for (size_t i = 0; i < NEAR_ROWS; i++) {
        if (w->at.room == 0 || w->at.room >= room)
            return MYL_OK;
        MYL_TRY(step(w));
    }
    myl_scan_end(w->scan);
    return start_at(w, room);
}

myl_rc myl_room_of_user(myl_ctx *cx, uint64_t user, unsigned memberships, const myl_member **rooms,
                        size_t *count)
{
    myl_list list = MYL_LIST(cx, myl_member);
    walk w = {.cx = cx, .user = user};

    MYL_TRY(start_at(&w, 0));
    while (w.at.room != 0) {
        if ((memberships & (1u << w.at.membership)) != 0)
            myl_list_push(&list, myl_member, w.at);
        MYL_TRY(step(&w));
    }
    *rooms = list.at;
    *count = list.count;
    return MYL_OK;
}

myl_rc myl_room_of_user_more_than(myl_ctx *cx, uint64_t user, size_t limit, bool *out)
{
    walk w = {.cx = cx, .user = user};
    size_t count = 0;

    MYL_TRY(start_at(&w, 0));
    for (; w.at.room != 0 && count <= limit; count++)
        MYL_TRY(step(&w));
    myl_scan_end(w.scan);
    *out = count > limit;
    return MYL_OK;
}

/* The first place at or behind `at` whose number is not less; looks near first. */
static size_t leap_numbers(const uint64_t *numbers, size_t count, size_t at, uint64_t number)
{
    size_t low = at, high, width = 1;

    while (low + width < count && numbers[low + width] < number) {
        low += width;
        width *= 2;
    }
    high = low + width < count ? low + width : count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (numbers[middle] < number)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

myl_rc myl_room_of_user_among(myl_ctx *cx, uint64_t user, const myl_list *numbers,
                              const myl_member **rooms, size_t *count)
{
    myl_list list = MYL_LIST(cx, myl_member);
    const uint64_t *among = numbers->at;
    walk w = {.cx = cx, .user = user};
    size_t i = 0;

    if (numbers->count > 0)
        MYL_TRY(start_at(&w, among[0]));
    while (i < numbers->count && w.at.room != 0) {
        if (w.at.room == among[i]) {
            myl_list_push(&list, myl_member, w.at);
            i++;
        } else {
            i = leap_numbers(among, numbers->count, i, w.at.room);
        }
        if (i < numbers->count)
            MYL_TRY(leap(&w, among[i]));
    }
    if (w.scan != NULL)
        myl_scan_end(w.scan);
    *rooms = list.at;
    *count = list.count;
    return MYL_OK;
}

/* ---- two users ---- */

struct myl_shared_rooms {
    walk a, b;
};

myl_rc myl_room_shared_start(myl_ctx *cx, uint64_t a, uint64_t b, myl_shared_rooms **out)
{
    myl_shared_rooms *shared = myl_new(cx, myl_shared_rooms);

    shared->a = (walk){.cx = cx, .user = a};
    shared->b = (walk){.cx = cx, .user = b};
    *out = shared;
    MYL_TRY(start_at(&shared->a, 0));
    return start_at(&shared->b, 0);
}

myl_rc myl_room_shared_next(myl_shared_rooms *shared, myl_shared_room *out)
{
    walk *a = &shared->a, *b = &shared->b;
    bool found = false;

    *out = (myl_shared_room){0};
    while (!found && a->at.room != 0 && b->at.room != 0) {
        if (a->at.room < b->at.room) {
            MYL_TRY(leap(a, b->at.room));
        } else if (b->at.room < a->at.room) {
            MYL_TRY(leap(b, a->at.room));
        } else {
            found = a->at.membership == MYL_MEMBER_JOIN && b->at.membership == MYL_MEMBER_JOIN;
            if (found)
                *out = (myl_shared_room){a->at.room, a->at.position, b->at.position};
            MYL_TRY(step(a));
        }
    }
    return MYL_OK;
}

void myl_room_shared_end(myl_shared_rooms *shared)
{
    myl_scan_end(shared->a.scan);
    myl_scan_end(shared->b.scan);
}
