/* waiters.c: who waits for what: parked requests indexed by user and room.
 *
 * Why:     a commit must cost what it concerns: one look-up a note, one step a woken request.
 * Callers: the loops of http/. Threads: an index belongs to its loop.
 * Memory:  a sleeping waiter owns one block of places, 40 bytes for each room and one for its user;
 *          the waiter itself is the caller's. Latest posts are held by reference.
 * Holds:   a place is linked into the chain of its key exactly while its waiter is in the heap.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <myelin/sync_waiters.h>

#include <myelin/base_limit.h>

typedef struct myl_wait_place {
    uint64_t id;
    struct myl_wait_place *next;
    struct myl_wait_place **link; /* what points to this place; NULL: it is the chain's head */
    myl_waiter *waiter;
    myl_note_kind kind;
} place;

struct myl_waiters {
    myl_table *rooms; /* id -> first place */
    myl_table *users;
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
    return kind == MYL_NOTE_ROOM ? waiters->rooms : waiters->users;
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

static void make_places(myl_waiters *waiters, myl_waiter *waiter, const myl_wait *wait)
{
    size_t count = wait->room_count + (wait->user != 0 ? 1u : 0u);

    waiter->places = count == 0 ? NULL : myl_process_alloc(count * sizeof(place));
    waiter->place_count = count;
    for (size_t i = 0; i < count; i++) {
        place *one = &waiter->places[i];
        one->waiter = waiter;
        one->kind = i < wait->room_count ? MYL_NOTE_ROOM : MYL_NOTE_USER;
        one->id = i < wait->room_count ? wait->rooms[i] : wait->user;
        link_place(waiters, one);
    }
}

/* ---- posts that came while it looked ---- */

/* Looking costs notes times rooms; beyond this a second run of the handler is cheaper. */
#define LONGEST_LOOK 65536

static bool concerns(const myl_post *post, const myl_wait *wait)
{
    if (post->count * wait->room_count > LONGEST_LOOK)
        return true;
    for (size_t i = 0; i < post->count; i++) {
        const myl_note *note = &post->notes[i];
        if (note->kind == MYL_NOTE_USER && note->id == wait->user)
            return true;
        for (size_t j = 0; note->kind == MYL_NOTE_ROOM && j < wait->room_count; j++) {
            if (wait->rooms[j] == note->id)
                return true;
        }
    }
    return false;
}

/* Was anything posted since `sequence` that it has not seen? */
static bool missed(const myl_waiters *waiters, const myl_wait *wait)
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
        if (!seen && concerns(post, wait))
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

/* ---- contract ---- */

myl_waiters *myl_waiters_start(void)
{
    myl_waiters *waiters = myl_process_alloc(sizeof(*waiters));

    waiters->rooms = myl_table_start();
    waiters->users = myl_table_start();
    return waiters;
}

void myl_waiters_end(myl_waiters *waiters)
{
    if (waiters == NULL)
        return;
    MYL_ASSERT(waiters->count == 0);
    for (size_t i = 0; i < MYL_LIMIT_HTTP_NOTED_POSTS; i++) {
        if (waiters->posts[i] != NULL)
            myl_shared_drop(&waiters->posts[i]->shared);
    }
    myl_table_end(waiters->rooms);
    myl_table_end(waiters->users);
    myl_process_free(waiters->heap);
    myl_process_free(waiters);
}

bool myl_waiters_add(myl_waiters *waiters, myl_waiter *waiter, const myl_wait *wait)
{
    MYL_ASSERT(waiter->heap_at == 0);
    if (missed(waiters, wait))
        return false;
    waiter->next = NULL;
    waiter->deadline_tick_ms = wait->deadline_tick_ms;
    make_places(waiters, waiter, wait);
    heap_add(waiters, waiter);
    return true;
}

void myl_waiters_remove(myl_waiters *waiters, myl_waiter *waiter)
{
    if (waiter->heap_at == 0)
        return;
    heap_remove(waiters, waiter);
    for (size_t i = 0; i < waiter->place_count; i++)
        unlink_place(waiters, &waiter->places[i]);
    myl_process_free(waiter->places);
    waiter->places = NULL;
    waiter->place_count = 0;
}

myl_waiter *myl_waiters_post(myl_waiters *waiters, myl_post *post)
{
    myl_waiter *first = NULL;
    myl_waiter **last = &first;

    remember(waiters, post);
    for (size_t i = 0; i < post->count; i++) {
        const myl_note *note = &post->notes[i];
        place *head;
        if (note->kind == MYL_NOTE_DESTINATION)
            continue;
        while ((head = myl_table_get(table_of(waiters, note->kind), note->id)) != NULL) {
            myl_waiter *woken = head->waiter;
            myl_waiters_remove(waiters, woken);
            *last = woken;
            last = &woken->next;
        }
    }
    *last = NULL;
    return first;
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
    return first;
}

myl_waiter *myl_waiters_all(myl_waiters *waiters)
{
    return myl_waiters_due(waiters, INT64_MAX);
}

int64_t myl_waiters_next_deadline(const myl_waiters *waiters)
{
    return waiters->count == 0 ? INT64_MAX : waiters->heap[1]->deadline_tick_ms;
}

size_t myl_waiters_count(const myl_waiters *waiters)
{
    return waiters->count;
}
