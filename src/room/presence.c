/* presence.c: who is online: volatile, never stored.
 *
 * Why:     a crash may forget it; clients are told anew by their boot id.
 * Threads: any; one lock (PRESENCE), held for a few steps. The volatile counter's own lock is taken inside it.
 * Memory:  process memory, bounded by PRESENCE_USERS: the one who is offline for longest goes; when nobody
 *          is, the one whose state ends first.
 * Holds:   the chain is in the order of change; each person is either in the heap of ends or in the chain of the gone; a state
 *          that time has ended is changed before anything is asked.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "room/room_own.h"

#include <pthread.h>

#include <myelin/base_table.h>
#include <myelin/room_presence.h>

typedef struct person {
    uint64_t user, counter;
    myl_presence_state state;
    bool is_idle;   /* unavailable because nothing was done for long */
    bool is_remote; /* another server says when they are idle */
    int64_t said;   /* tick at which other servers were last told, about */
    int64_t until;  /* tick: offline then */
    int64_t active; /* tick of the last thing done; 0: never */
    myl_str status_msg;
    bool is_untold; /* the last change came by time or in passing: nobody was woken for it */
    int64_t end;    /* as end_of said last */
    size_t heap_at; /* 1..heap_count; 0: gone */
    struct person *newer, *older;
    struct person *gone_before, *gone_after;
} person;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static myl_table *people;
static person *newest, *oldest;
static person *first_gone, *last_gone; /* offline, the longest first */
static person **heap;                  /* the others, by end; heap[0] is not used */
static size_t heap_count, heap_room;

static const struct {
    myl_presence_state state;
    const char *name;
} names[] = {{MYL_PRESENCE_OFFLINE, "offline"},
             {MYL_PRESENCE_UNAVAILABLE, "unavailable"},
             {MYL_PRESENCE_ONLINE, "online"}};

myl_str myl_presence_name(myl_presence_state state)
{
    return myl_str_of(names[state].name);
}

bool myl_presence_of(myl_str name, myl_presence_state *out)
{
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (myl_str_equal(name, myl_str_of(names[i].name))) {
            *out = names[i].state;
            return true;
        }
    return false;
}

/* ---- under the lock ---- */

static void unlink_person(person *one)
{
    *(one->newer != NULL ? &one->newer->older : &newest) = one->older;
    *(one->older != NULL ? &one->older->newer : &oldest) = one->newer;
    one->newer = one->older = NULL;
}

static void link_newest(person *one)
{
    one->older = newest;
    *(newest != NULL ? &newest->newer : &oldest) = one;
    newest = one;
}

static void link_oldest(person *one)
{
    one->newer = oldest;
    *(oldest != NULL ? &oldest->older : &newest) = one;
    oldest = one;
}

static void unlink_gone(person *one)
{
    *(one->gone_before != NULL ? &one->gone_before->gone_after : &first_gone) = one->gone_after;
    *(one->gone_after != NULL ? &one->gone_after->gone_before : &last_gone) = one->gone_before;
    one->gone_before = one->gone_after = NULL;
}

static void link_gone(person *one)
{
    one->gone_before = last_gone;
    *(last_gone != NULL ? &last_gone->gone_after : &first_gone) = one;
    last_gone = one;
}

/* ---- heap of ends ---- */

static void place(person *one, size_t at)
{
    heap[at] = one;
    one->heap_at = at;
}

static void sift_up(person *one)
{
    size_t at = one->heap_at;

    for (; at > 1 && heap[at / 2]->end > one->end; at /= 2)
        place(heap[at / 2], at);
    place(one, at);
}

static void sift_down(person *one)
{
    size_t at = one->heap_at;

    for (size_t next = at * 2; next <= heap_count; next = at * 2) {
        if (next < heap_count && heap[next + 1]->end < heap[next]->end)
            next++;
        if (heap[next]->end >= one->end)
            break;
        place(heap[next], at);
        at = next;
    }
    place(one, at);
}

static void heap_add(person *one)
{
    if (heap_count + 1 >= heap_room) {
        size_t room = heap_room == 0 ? 64 : heap_room * 2;

        heap = myl_process_grow(heap, heap_room * sizeof(*heap), room * sizeof(*heap));
        heap_room = room;
    }
    place(one, ++heap_count);
    sift_up(one);
}

static void heap_remove(person *one)
{
    person *last = heap[heap_count--];
    size_t at = one->heap_at;

    one->heap_at = 0;
    if (last == one)
        return;
    place(last, at);
    sift_up(last);
    sift_down(last);
}

/* ---- one person, under the lock ---- */

static void drop(person *one)
{
    if (one->heap_at != 0)
        heap_remove(one);
    else
        unlink_gone(one);
    unlink_person(one);
    myl_table_set(people, one->user, NULL);
    myl_process_free((void *)(uintptr_t)one->status_msg.at);
    myl_process_free(one);
}

static void change(person *one, myl_presence_state state)
{
    one->state = state;
    one->said = myl_tick_ms();
    one->counter = myl_room_volatile_next();
    one->is_untold = false;
    unlink_person(one);
    link_newest(one);
}

/* The tick at which the state of this person ends by itself. */
static int64_t end_of(const person *one)
{
    int64_t idle = one->active + MYL_LIMIT_PRESENCE_IDLE_MS;

    if (one->state == MYL_PRESENCE_OFFLINE)
        return INT64_MAX;
    return one->state == MYL_PRESENCE_ONLINE && !one->is_remote && idle < one->until ? idle
                                                                                     : one->until;
}

/* After each change of what end_of reads: puts them where they belong. */
static void watch(person *one)
{
    one->end = end_of(one);
    if (one->heap_at != 0)
        heap_remove(one);
    else
        unlink_gone(one);
    if (one->end == INT64_MAX)
        link_gone(one);
    else
        heap_add(one);
}

/* Its cost follows those whose state ends. */
static void expire(void)
{
    int64_t now = myl_tick_ms();

    while (heap_count > 0 && heap[1]->end <= now) {
        person *one = heap[1];

        one->is_idle = one->until > now;
        change(one, one->is_idle ? MYL_PRESENCE_UNAVAILABLE : MYL_PRESENCE_OFFLINE);
        one->is_untold = true;
        watch(one);
    }
}

static void enter(void)
{
    pthread_mutex_lock(&lock);
    if (people == NULL)
        people = myl_table_start();
    expire();
}

static person *person_of(uint64_t user)
{
    person *one = myl_table_get(people, user);

    if (one != NULL)
        return one;
    if (myl_table_count(people) >= MYL_LIMIT_PRESENCE_USERS)
        drop(first_gone != NULL ? first_gone : heap[1]);
    one = myl_process_alloc(sizeof(*one));
    one->user = user;
    one->end = INT64_MAX;
    myl_table_set(people, user, one);
    link_oldest(one); /* nothing has changed yet */
    link_gone(one);
    return one;
}

static bool set_message(person *one, myl_str message)
{
    if (myl_str_present(message) == myl_str_present(one->status_msg) &&
        myl_str_equal(message, one->status_msg))
        return false;
    myl_process_free((void *)(uintptr_t)one->status_msg.at);
    one->status_msg = myl_str_present(message) ? myl_process_keep(message) : MYL_ABSENT;
    return true;
}

/* ---- said ---- */

bool myl_room_presence_set(uint64_t user, myl_presence_state state, myl_str status_msg)
{
    int64_t now = myl_tick_ms();
    person *one;
    bool seen;

    enter();
    one = person_of(user);
    seen = set_message(one, status_msg);
    seen |= one->state != state;
    if (state == MYL_PRESENCE_ONLINE)
        one->active = now;
    one->is_idle = false;
    one->until = now + MYL_LIMIT_PRESENCE_SAID_MS;
    if (seen)
        change(one, state);
    watch(one);
    pthread_mutex_unlock(&lock);
    return seen;
}

bool myl_room_presence_told(const myl_presence *told)
{
    int64_t now = myl_tick_ms();
    person *one;
    bool seen;

    enter();
    one = person_of(told->user);
    seen = set_message(one, told->status_msg);
    seen |= one->state != told->state;
    one->is_remote = true;
    if (told->last_active_ago >= 0)
        one->active = now - told->last_active_ago;
    if (told->currently_active)
        one->active = now;
    one->is_idle = false;
    one->until = now + MYL_LIMIT_PRESENCE_TOLD_MS;
    if (seen)
        change(one, told->state);
    watch(one);
    pthread_mutex_unlock(&lock);
    return seen;
}

bool myl_room_presence_syncing(uint64_t user, myl_presence_state state, bool explicitly,
                               int64_t until_tick)
{
    int64_t until = until_tick + MYL_LIMIT_PRESENCE_SYNC_MS;
    bool seen = false;
    person *one;

    if (state == MYL_PRESENCE_OFFLINE)
        return false;
    enter();
    one = person_of(user);
    if (until > one->until)
        one->until = until;
    if (one->state == MYL_PRESENCE_OFFLINE || explicitly) {
        seen = one->state != state && !(one->is_idle && !explicitly);
        if (state == MYL_PRESENCE_ONLINE && seen)
            one->active = myl_tick_ms();
        one->is_idle = false;
    }
    if (seen)
        change(one, state);
    watch(one);
    pthread_mutex_unlock(&lock);
    return seen;
}

bool myl_room_presence_active(uint64_t user)
{
    bool seen = false;
    person *one;

    enter();
    one = myl_table_get(people, user);
    if (one != NULL) {
        one->active = myl_tick_ms();
        seen = one->is_idle && one->state == MYL_PRESENCE_UNAVAILABLE;
        one->is_idle = false;
    }
    if (seen) {
        change(one, MYL_PRESENCE_ONLINE);
        one->is_untold = true;
    }
    if (one != NULL)
        watch(one);
    pthread_mutex_unlock(&lock);
    return seen;
}

/* ---- asked ---- */

void myl_room_presence_get(myl_ctx *cx, uint64_t user, myl_presence *out)
{
    const person *one;
    int64_t now;

    *out = (myl_presence){.user = user, .last_active_ago = -1};
    enter();
    now = myl_tick_ms();
    one = myl_table_get(people, user);
    if (one != NULL) {
        out->state = one->state;
        out->status_msg = myl_keep(cx, one->status_msg);
        if (one->active != 0)
            out->last_active_ago = now - one->active;
        out->currently_active = one->state == MYL_PRESENCE_ONLINE && one->active != 0 &&
                                now - one->active < MYL_LIMIT_PRESENCE_ACTIVE_MS;
    }
    pthread_mutex_unlock(&lock);
}

void myl_room_presence_again(myl_ctx *cx, const uint64_t **users, size_t *count)
{
    myl_list list = MYL_LIST(cx, uint64_t);
    int64_t now;

    enter();
    now = myl_tick_ms();
    for (person *one = oldest; one != NULL && list.count < MYL_LIMIT_PRESENCE_WALK;
         one = one->newer) {
        if (one->is_remote || one->state == MYL_PRESENCE_OFFLINE ||
            now - one->said < MYL_LIMIT_PRESENCE_AGAIN_MS)
            continue;
        one->said = now;
        myl_list_push(&list, uint64_t, one->user);
    }
    pthread_mutex_unlock(&lock);
    *users = list.at;
    *count = list.count;
}

/* The oldest change after the counter: from both ends at once, for it is mostly near one of them. */
static const person *first_after(uint64_t counter)
{
    const person *low = oldest, *high = newest;

    if (high == NULL || high->counter <= counter)
        return NULL;
    while (low->counter <= counter && high->older != NULL && high->older->counter > counter) {
        low = low->newer;
        high = high->older;
    }
    return low->counter > counter ? low : high;
}

void myl_room_presence_since(myl_ctx *cx, uint64_t counter, myl_presence_changes *out)
{
    myl_list list = MYL_LIST(cx, myl_presence_change);
    const person *one;

    enter();
    one = first_after(counter);
    for (; one != NULL && list.count < MYL_LIMIT_PRESENCE_WALK; one = one->newer)
        myl_list_push(&list, myl_presence_change,
                      ((myl_presence_change){one->user, one->counter, one->is_untold}));
    out->more = one != NULL;
    pthread_mutex_unlock(&lock);
    out->at = list.at;
    out->count = list.count;
}

void myl_room_presence_stop(void)
{
    pthread_mutex_lock(&lock);
    while (newest != NULL)
        drop(newest);
    if (people != NULL)
        myl_table_end(people);
    people = NULL;
    myl_process_free(heap);
    heap = NULL;
    heap_room = 0;
    pthread_mutex_unlock(&lock);
}
