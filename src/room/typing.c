/* typing.c: who types in which room: volatile, never stored.
 *
 * Why:     a crash may forget it; a token's boot id tells clients that it was forgotten.
 * Threads: any; one lock (TYPING), held for a few steps.
 * Holds:   the counter rises with each change and the chain is in the order of change, so "typing changed since" is a walk
 *          over what changed.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "room/room_own.h"

#include <pthread.h>
#include <stdatomic.h>

#include <myelin/base_table.h>

typedef struct {
    uint64_t user;
    int64_t until; /* tick */
} typist;

typedef struct room_typing {
    uint64_t room, counter;
    struct room_typing *newer, *older;
    struct room_typing *untold_after;
    bool is_untold; /* it hangs in first_untold */
    size_t count;
    typist typists[MYL_LIMIT_TYPISTS];
} room_typing;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static myl_table *rooms;
static room_typing *newest, *oldest; /* by their last change */
static uint64_t counter, boot;
static int64_t next_end = INT64_MAX; /* tick at which the first of all typists is over */
static room_typing *first_untold;    /* somebody's time ended there, and nobody was told */
static _Atomic int64_t ask_at = INT64_MAX;

/* Under the lock. */
static void begin(void)
{
    if (rooms != NULL)
        return;
    rooms = myl_table_start();
    boot = myl_crypto_random_u64() >> 16;
}

static size_t find_typist(const room_typing *room, uint64_t user)
{
    size_t i = 0;

    while (i < room->count && room->typists[i].user != user)
        i++;
    return i;
}

static void unlink_room(room_typing *room)
{
    *(room->newer != NULL ? &room->newer->older : &newest) = room->older;
    *(room->older != NULL ? &room->older->newer : &oldest) = room->newer;
}

static void link_newest(room_typing *room)
{
    room->newer = NULL;
    room->older = newest;
    *(newest != NULL ? &newest->newer : &oldest) = room;
    newest = room;
}

static void changed(room_typing *room)
{
    room->counter = ++counter;
    unlink_room(room);
    link_newest(room);
}

static void remove_typist(room_typing *room, size_t i)
{
    room->typists[i] = room->typists[--room->count];
    changed(room);
}

/* Whoever waits is told of it, see myl_room_typing_ended. */
static void note_end(room_typing *room)
{
    if (room->is_untold)
        return;
    room->is_untold = true;
    room->untold_after = first_untold;
    first_untold = room;
}

static void set_ask(void)
{
    atomic_store(&ask_at, first_untold != NULL ? INT64_MIN : next_end);
}

static void expire_room(room_typing *room, int64_t now)
{
    for (size_t i = room->count; i-- > 0;) {
        if (room->typists[i].until <= now) {
            remove_typist(room, i);
            note_end(room);
        } else if (room->typists[i].until < next_end)
            next_end = room->typists[i].until;
    }
}

/* Under the lock: whoever is over goes. Looks at rooms only when somebody's time has come. */
static void expire(void)
{
    int64_t now = myl_tick_ms();
    uint64_t room;
    size_t at = 0;
    void *value;

    if (now < next_end)
        return;
    next_end = INT64_MAX;
    while (myl_table_next(rooms, &at, &room, &value))
        expire_room(value, now);
    set_ask();
}

/* Under the lock, before anything is asked or changed. */
static void enter(void)
{
    pthread_mutex_lock(&lock);
    begin();
    expire();
}

static bool set_typing(room_typing *room, uint64_t user, int64_t until)
{
    size_t i = find_typist(room, user);

    if (until < next_end) {
        next_end = until;
        set_ask();
    }
    if (i == room->count) {
        if (room->count == MYL_LIMIT_TYPISTS)
            return false;
        room->typists[room->count++] = (typist){user, until};
        changed(room);
        return true;
    }
    room->typists[i].until = until;
    return false;
}

/* Of the rooms where nobody types the one that has been so for longest goes. */
static bool make_place(void)
{
    room_typing *still = oldest;

    if (myl_table_count(rooms) < MYL_LIMIT_TYPING_ROOMS)
        return true;
    while (still != NULL && (still->count > 0 || still->is_untold))
        still = still->newer;
    if (still == NULL)
        return false;
    unlink_room(still);
    myl_table_set(rooms, still->room, NULL);
    myl_process_free(still);
    return true;
}

static room_typing *room_of(uint64_t room)
{
    room_typing *found = myl_table_get(rooms, room);

    if (found == NULL && make_place()) {
        found = myl_process_alloc(sizeof(*found));
        found->room = room;
        link_newest(found);
        myl_table_set(rooms, room, found);
    }
    return found;
}

bool myl_room_typing_set(uint64_t room, uint64_t user, int64_t timeout_ms)
{
    room_typing *typing;
    bool has_changed = false;

    enter();
    typing = timeout_ms > 0 ? room_of(room) : myl_table_get(rooms, room);
    if (typing != NULL && timeout_ms > 0) {
        has_changed = set_typing(typing, user, myl_tick_ms() + timeout_ms);
    } else if (typing != NULL) {
        size_t i = find_typist(typing, user);
        has_changed = i < typing->count;
        if (has_changed)
            remove_typist(typing, i);
    }
    pthread_mutex_unlock(&lock);
    return has_changed;
}

uint64_t myl_room_typing_counter(uint64_t room)
{
    const room_typing *typing;
    uint64_t result;

    enter();
    typing = myl_table_get(rooms, room);
    result = typing == NULL ? 0 : typing->counter;
    pthread_mutex_unlock(&lock);
    return result;
}

void myl_room_typing_get(myl_ctx *cx, uint64_t room, const uint64_t **users, size_t *count)
{
    uint64_t *found = myl_new_array(cx, uint64_t, MYL_LIMIT_TYPISTS);
    const room_typing *typing;
    size_t n = 0;

    enter();
    typing = myl_table_get(rooms, room);
    for (size_t i = 0; typing != NULL && i < typing->count; i++)
        found[n++] = typing->typists[i].user;
    pthread_mutex_unlock(&lock);
    *users = found;
    *count = n;
}

void myl_room_typing_since(uint64_t after, myl_list *out)
{
    enter();
    for (const room_typing *room = newest; room != NULL && room->counter > after;
         room = room->older)
        myl_list_push(out, uint64_t, room->room);
    pthread_mutex_unlock(&lock);
}

uint64_t myl_room_volatile_now(void)
{
    uint64_t result;

    enter();
    result = counter;
    pthread_mutex_unlock(&lock);
    return result;
}

uint64_t myl_room_volatile_next(void)
{
    uint64_t result;

    enter();
    result = ++counter;
    pthread_mutex_unlock(&lock);
    return result;
}

uint64_t myl_room_boot_id(void)
{
    uint64_t result;

    enter();
    result = boot;
    pthread_mutex_unlock(&lock);
    return result;
}

int64_t myl_room_typing_next(void)
{
    return atomic_load(&ask_at);
}

size_t myl_room_typing_ended(uint64_t *ended, size_t limit)
{
    size_t count = 0;

    if (myl_tick_ms() < atomic_load(&ask_at))
        return 0;
    enter();
    while (first_untold != NULL && count < limit) {
        room_typing *room = first_untold;

        first_untold = room->untold_after;
        room->is_untold = false;
        ended[count++] = room->room;
    }
    set_ask();
    pthread_mutex_unlock(&lock);
    return count;
}

void myl_room_typing_stop(void)
{
    uint64_t room;
    size_t at = 0;
    void *value;

    pthread_mutex_lock(&lock);
    while (rooms != NULL && myl_table_next(rooms, &at, &room, &value))
        myl_process_free(value);
    if (rooms != NULL)
        myl_table_end(rooms);
    rooms = NULL;
    newest = oldest = first_untold = NULL;
    next_end = INT64_MAX;
    set_ask();
    pthread_mutex_unlock(&lock);
}
