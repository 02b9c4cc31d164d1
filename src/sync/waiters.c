/* waiters.c: who waits for what: parked requests indexed by user and room.
 *
 * Why:     a commit must cost what it concerns: one look-up a note, one step a woken request; and to sleep again must not
 *          cost a step for each room of the user. So what a user follows (a watch) outlives the sleep, until their
 *          memberships change or they stay away.
 * Callers: the loops of http/. Threads: an index belongs to its loop.
 * Memory:  a watch is one block with 40 bytes for each room and one for its user; the waiter itself is the caller's.
 *          Latest posts are held by reference.
 * Holds:   a waiter belongs to a watch exactly while it is in the heap; a place is linked into the chain of its key as
 *          long as its watch lives; a kept watch has sleepers or is idle, another has one sleeper.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <myelin/sync_waiters.h>

#include <stdlib.h>

#include <myelin/base_clock.h>
#include <myelin/base_limit.h>

typedef struct myl_watch watch;

typedef struct place {
    uint64_t id; /* first member: has_room compares it */
    struct place *next;
    struct place **link; /* what points to this place; NULL: it is the chain's head */
    watch *of;
    myl_note_kind kind;
} place;

struct myl_watch {
    uint64_t user;
    bool is_kept; /* of all rooms of the user; in waiters->kept */
    bool is_idle; /* kept, and nobody sleeps */
    bool is_part; /* of more rooms than these */
    myl_waiter *sleepers;
    watch *newer, *older; /* idle ones, by when the last sleeper woke */
    int64_t idle_since;   /* tick */
    size_t place_count;
    place places[]; /* rooms ascending, then the user */
};

struct myl_waiters {
    myl_table *rooms; /* id -> first place */
    myl_table *users;
    myl_table *kept; /* user -> watch */
    watch *newest_idle, *oldest_idle;
    size_t idle_places;
    myl_waiter **heap; /* by deadline; heap[0] is not used */
    size_t count;
    size_t room;
    myl_post *posts[MYL_LIMIT_HTTP_NOTED_POSTS]; /* a ring */
    size_t next_post;
};

/* ---- heap of deadlines ---- */

static void put_at(myl_waiters *waiters, size_t at, myl_waiter *waiter)
{
    waiters->heap[at] = waiter;
    waiter->heap_at = at;
}

static bool earlier(const myl_waiter *a, const myl_waiter *b)
{
    return a->deadline_tick_ms < b->deadline_tick_ms;
}

static void rise(myl_waiters *waiters, size_t at)
{
    myl_waiter *waiter = waiters->heap[at];

    while (at > 1 && earlier(waiter, waiters->heap[at / 2])) {
        put_at(waiters, at, waiters->heap[at / 2]);
        at /= 2;
    }
    put_at(waiters, at, waiter);
}

static void sink(myl_waiters *waiters, size_t at)
{
    myl_waiter *waiter = waiters->heap[at];

    for (;;) {
        size_t child = at * 2;
        if (child > waiters->count)
            break;
        if (child < waiters->count && earlier(waiters->heap[child + 1], waiters->heap[child]))
            child++;
        if (!earlier(waiters->heap[child], waiter))
            break;
        put_at(waiters, at, waiters->heap[child]);
        at = child;
    }
    put_at(waiters, at, waiter);
}

static void heap_add(myl_waiters *waiters, myl_waiter *waiter)
{
    size_t wanted = waiters->count + 2;

    if (wanted > waiters->room) {
        size_t room = waiters->room == 0 ? 64 : waiters->room * 2;
        waiters->heap = myl_process_grow(waiters->heap, waiters->room * sizeof(myl_waiter *),
                                         room * sizeof(myl_waiter *));
        waiters->room = room;
    }
    waiters->count++;
    put_at(waiters, waiters->count, waiter);
    rise(waiters, waiters->count);
}

static void heap_remove(myl_waiters *waiters, myl_waiter *waiter)
{
    size_t at = waiter->heap_at;
    myl_waiter *last = waiters->heap[waiters->count--];

    waiter->heap_at = 0;
    if (last == waiter)
        return;
    put_at(waiters, at, last);
    rise(waiters, at);
    sink(waiters, last->heap_at);
}

/* ---- places ---- */

static myl_table *table_of(const myl_waiters *waiters, myl_note_kind kind)
{
    return kind == MYL_NOTE_ROOM || kind == MYL_NOTE_DEVICES ? waiters->rooms : waiters->users;
}

static void link_place(myl_waiters *waiters, place *one)
{
    myl_table *table = table_of(waiters, one->kind);
    place *head = myl_table_get(table, one->id);

    one->next = head;
    one->link = NULL;
    if (head != NULL)
        head->link = &one->next;
    myl_table_set(table, one->id, one);
}

static void unlink_place(myl_waiters *waiters, place *one)
{
    if (one->next != NULL)
        one->next->link = one->link;
    if (one->link != NULL)
        *one->link = one->next;
    else
        myl_table_set(table_of(waiters, one->kind), one->id, one->next);
}

/* ---- watches ---- */

static watch *start_watch(myl_waiters *waiters, const myl_wait *wait)
{
    size_t count = wait->room_count + (wait->user != 0 ? 1u : 0u);
    watch *one = myl_process_alloc(sizeof(*one) + count * sizeof(place));

    one->user = wait->user;
    one->is_kept = wait->of_user;
    one->is_part = wait->is_part;
    one->place_count = count;
    for (size_t i = 0; i < count; i++) {
        place *at = &one->places[i];

        at->of = one;
        at->kind = i < wait->room_count ? MYL_NOTE_ROOM : MYL_NOTE_USER;
        at->id = i < wait->room_count ? wait->rooms[i] : wait->user;
        link_place(waiters, at);
    }
    if (one->is_kept)
        myl_table_set(waiters->kept, one->user, one);
    return one;
}

static void end_watch(myl_waiters *waiters, watch *one)
{
    for (size_t i = 0; i < one->place_count; i++)
        unlink_place(waiters, &one->places[i]);
    if (one->is_kept)
        myl_table_set(waiters->kept, one->user, NULL);
    myl_process_free(one);
}

static void leave_idle(myl_waiters *waiters, watch *one)
{
    *(one->newer != NULL ? &one->newer->older : &waiters->newest_idle) = one->older;
    *(one->older != NULL ? &one->older->newer : &waiters->oldest_idle) = one->newer;
    one->newer = one->older = NULL;
    one->is_idle = false;
    waiters->idle_places -= one->place_count;
}

static void end_oldest_idle(myl_waiters *waiters)
{
    watch *one = waiters->oldest_idle;

    leave_idle(waiters, one);
    end_watch(waiters, one);
}

/* Its last sleeper has woken. */
static void release_watch(myl_waiters *waiters, watch *one)
{
    if (!one->is_kept) {
        end_watch(waiters, one);
        return;
    }
    one->is_idle = true;
    one->idle_since = myl_tick_ms();
    one->older = waiters->newest_idle;
    *(one->older != NULL ? &one->older->newer : &waiters->oldest_idle) = one;
    waiters->newest_idle = one;
    waiters->idle_places += one->place_count;
    while (waiters->idle_places > MYL_LIMIT_IDLE_WATCH_ROOMS)
        end_oldest_idle(waiters);
}

/* ---- sleepers of a watch ---- */

static void join_watch(myl_waiters *waiters, watch *one, myl_waiter *waiter)
{
    if (one->is_idle)
        leave_idle(waiters, one);
    waiter->watch = one;
    waiter->beside = one->sleepers;
    waiter->link = &one->sleepers;
    if (waiter->beside != NULL)
        waiter->beside->link = &waiter->beside;
    one->sleepers = waiter;
}

static void leave_watch(myl_waiter *waiter)
{
    *waiter->link = waiter->beside;
    if (waiter->beside != NULL)
        waiter->beside->link = waiter->link;
    waiter->watch = NULL;
}

/* Whoever follows only a part of their rooms looks at all from time to time. */
static int64_t deadline_of(const watch *one, const myl_wait *wait)
{
    int64_t next_look = one->is_part ? myl_tick_ms() + MYL_LIMIT_PARKED_PART_MS : INT64_MAX;

    return wait->deadline_tick_ms < next_look ? wait->deadline_tick_ms : next_look;
}

/* ---- posts that came while it looked ---- */

static int compare_id(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

static bool has_room(const myl_wait *wait, const watch *kept, uint64_t room)
{
    if (kept != NULL)
        return bsearch(&room, kept->places, kept->place_count - 1, sizeof(place), compare_id) !=
               NULL;
    return wait->room_count > 0 &&
           bsearch(&room, wait->rooms, wait->room_count, sizeof(room), compare_id) != NULL;
}

static bool concerns(const myl_post *post, const myl_wait *wait, const watch *kept)
{
    for (size_t i = 0; i < post->count; i++) {
        const myl_note *note = &post->notes[i];
        bool is_of_user = note->kind == MYL_NOTE_USER || note->kind == MYL_NOTE_MEMBERSHIP;

        if (is_of_user && note->id == wait->user)
            return true;
        bool is_of_room =
            note->kind == MYL_NOTE_DEVICES || (note->kind == MYL_NOTE_ROOM && !wait->only_devices);

        if (is_of_room && has_room(wait, kept, note->id))
            return true;
    }
    return false;
}

/* Was anything posted since `sequence` that it has not seen? */
static bool missed(const myl_waiters *waiters, const myl_wait *wait, const watch *kept)
{
    const myl_post *oldest = waiters->posts[waiters->next_post];

    if (oldest != NULL && oldest->sequence > wait->sequence + 1)
        return true; /* what came before the oldest is forgotten */
    for (size_t i = 1; i <= MYL_LIMIT_HTTP_NOTED_POSTS; i++) {
        size_t at =
            (waiters->next_post + MYL_LIMIT_HTTP_NOTED_POSTS - i) % MYL_LIMIT_HTTP_NOTED_POSTS;
        const myl_post *post = waiters->posts[at];
        if (post == NULL || post->sequence <= wait->sequence)
            return false;
        bool seen = post->position != 0 && post->position <= wait->position;
        if (!seen && concerns(post, wait, kept))
            return true;
    }
    return false;
}

static void remember(myl_waiters *waiters, myl_post *post)
{
    myl_post *oldest = waiters->posts[waiters->next_post];

    if (oldest != NULL)
        myl_shared_drop(&oldest->shared);
    myl_shared_ref(&post->shared);
    waiters->posts[waiters->next_post] = post;
    waiters->next_post = (waiters->next_post + 1) % MYL_LIMIT_HTTP_NOTED_POSTS;
}

/* ---- waking ---- */

/* A chain in the making. */
typedef struct {
    myl_waiter *first;
    myl_waiter **end;
} chain;

static void give_out(myl_waiters *waiters, myl_waiter *waiter, chain *out)
{
    heap_remove(waiters, waiter);
    leave_watch(waiter);
    waiter->next = NULL;
    *out->end = waiter;
    out->end = &waiter->next;
}

/* A watch that had sleepers and has none any more: true. */
static bool wake_sleepers(myl_waiters *waiters, watch *one, myl_note_kind kind, chain *out)
{
    myl_waiter *beside;

    if (one->sleepers == NULL)
        return false;
    for (myl_waiter *waiter = one->sleepers; waiter != NULL; waiter = beside) {
        beside = waiter->beside;
        if (kind != MYL_NOTE_ROOM || !waiter->only_devices)
            give_out(waiters, waiter, out);
    }
    return one->sleepers == NULL;
}

/* Watches that are released hang in a list of their own meanwhile, for their places are being walked over. */
static void wake_all(myl_waiters *waiters, const myl_note *note, chain *out)
{
    watch *released = NULL;

    for (place *one = myl_table_get(table_of(waiters, note->kind), note->id); one != NULL;
         one = one->next) {
        if (!wake_sleepers(waiters, one->of, note->kind, out))
            continue;
        one->of->older = released;
        released = one->of;
    }
    while (released != NULL) {
        watch *one = released;

        released = one->older;
        one->older = NULL;
        release_watch(waiters, one);
    }
}

/* The user's rooms are others now; all who slept have woken. */
static void forget_rooms(myl_waiters *waiters, uint64_t user)
{
    watch *kept = myl_table_get(waiters->kept, user);

    if (kept == NULL)
        return;
    leave_idle(waiters, kept);
    end_watch(waiters, kept);
}

/* ---- contract ---- */

myl_waiters *myl_waiters_start(void)
{
    myl_waiters *waiters = myl_process_alloc(sizeof(*waiters));

    waiters->rooms = myl_table_start();
    waiters->users = myl_table_start();
    waiters->kept = myl_table_start();
    return waiters;
}

void myl_waiters_end(myl_waiters *waiters)
{
    if (waiters == NULL)
        return;
    MYL_ASSERT(waiters->count == 0);
    while (waiters->oldest_idle != NULL)
        end_oldest_idle(waiters);
    for (size_t i = 0; i < MYL_LIMIT_HTTP_NOTED_POSTS; i++) {
        if (waiters->posts[i] != NULL)
            myl_shared_drop(&waiters->posts[i]->shared);
    }
    myl_table_end(waiters->rooms);
    myl_table_end(waiters->users);
    myl_table_end(waiters->kept);
    myl_process_free(waiters->heap);
    myl_process_free(waiters);
}

myl_waiters_answer myl_waiters_add(myl_waiters *waiters, myl_waiter *waiter, const myl_wait *wait)
{
    watch *kept = wait->of_user ? myl_table_get(waiters->kept, wait->user) : NULL;

    MYL_ASSERT(waiter->heap_at == 0 && (!wait->of_user || wait->user != 0));
    if (missed(waiters, wait, kept))
        return MYL_WAITERS_MISSED;
    if (wait->of_user && kept == NULL && !wait->has_rooms)
        return MYL_WAITERS_ASK_ROOMS;
    waiter->next = NULL;
    if (kept == NULL)
        kept = start_watch(waiters, wait);
    waiter->deadline_tick_ms = deadline_of(kept, wait);
    waiter->only_devices = wait->only_devices;
    join_watch(waiters, kept, waiter);
    heap_add(waiters, waiter);
    return MYL_WAITERS_SLEEPS;
}

void myl_waiters_remove(myl_waiters *waiters, myl_waiter *waiter)
{
    watch *one = waiter->watch;

    if (waiter->heap_at == 0)
        return;
    heap_remove(waiters, waiter);
    leave_watch(waiter);
    if (one->sleepers == NULL)
        release_watch(waiters, one);
}

myl_waiter *myl_waiters_post(myl_waiters *waiters, myl_post *post)
{
    chain woken = {.first = NULL};

    woken.end = &woken.first;
    remember(waiters, post);
    for (size_t i = 0; i < post->count; i++) {
        const myl_note *note = &post->notes[i];

        if (note->kind == MYL_NOTE_DESTINATION)
            continue;
        wake_all(waiters, note, &woken);
        if (note->kind == MYL_NOTE_MEMBERSHIP)
            forget_rooms(waiters, note->id);
    }
    return woken.first;
}

myl_waiter *myl_waiters_due(myl_waiters *waiters, int64_t now_tick_ms)
{
    myl_waiter *first = NULL;
    myl_waiter **last = &first;

    while (waiters->count > 0 && waiters->heap[1]->deadline_tick_ms <= now_tick_ms) {
        myl_waiter *due = waiters->heap[1];
        myl_waiters_remove(waiters, due);
        *last = due;
        last = &due->next;
    }
    *last = NULL;
    while (waiters->oldest_idle != NULL &&
           waiters->oldest_idle->idle_since <= now_tick_ms - MYL_LIMIT_IDLE_WATCH_MS)
        end_oldest_idle(waiters);
    return first;
}

myl_waiter *myl_waiters_all(myl_waiters *waiters)
{
    return myl_waiters_due(waiters, INT64_MAX);
}

int64_t myl_waiters_next_deadline(const myl_waiters *waiters)
{
    int64_t next = waiters->count == 0 ? INT64_MAX : waiters->heap[1]->deadline_tick_ms;
    int64_t idle = waiters->oldest_idle == NULL
                       ? INT64_MAX
                       : waiters->oldest_idle->idle_since + MYL_LIMIT_IDLE_WATCH_MS;

    return idle < next ? idle : next;
}

size_t myl_waiters_count(const myl_waiters *waiters)
{
    return waiters->count;
}

bool myl_waiters_keeps(const myl_waiters *waiters)
{
    return myl_table_count(waiters->kept) > 0;
}
