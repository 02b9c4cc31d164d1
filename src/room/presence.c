/* presence.c: who is online: volatile, never stored.
 *
 * Why:     a crash may forget it; clients are told anew by their boot id.
 * Threads: any; one lock (PRESENCE), held for a few steps. The volatile counter's own lock is taken inside it.
 * Memory:  process memory, bounded by PRESENCE_USERS: the one whose presence changed longest ago goes.
 * Holds:   the chain is in the order of change; a state that time has ended is changed before anything is asked.
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
    int64_t until;  /* tick: offline then */
    int64_t active; /* tick of the last thing done; 0: never */
    myl_str status_msg;
    struct person *newer, *older;
} person;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static myl_table *people;
static person *newest, *oldest;
static int64_t next_end = INT64_MAX; /* tick at which some state may be over */

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

static void drop(person *one)
{
    unlink_person(one);
    myl_table_set(people, one->user, NULL);
    myl_process_free((void *)(uintptr_t)one->status_msg.at);
    myl_process_free(one);
}

static void change(person *one, myl_presence_state state)
{
    one->state = state;
    one->counter = myl_room_volatile_next();
    unlink_person(one);
    link_newest(one);
}

/* The tick at which the state of this person ends by itself. */
static int64_t end_of(const person *one)
{
    int64_t idle = one->active + MYL_LIMIT_PRESENCE_IDLE_MS;

    if (one->state == MYL_PRESENCE_OFFLINE)
        return INT64_MAX;
    return one->state == MYL_PRESENCE_ONLINE && idle < one->until ? idle : one->until;
}

static void watch(const person *one)
{
    int64_t end = end_of(one);

    if (end < next_end)
        next_end = end;
}

static void expire_one(person *one, int64_t now)
{
    if (end_of(one) > now)
        return;
    one->is_idle = one->until > now;
    change(one, one->is_idle ? MYL_PRESENCE_UNAVAILABLE : MYL_PRESENCE_OFFLINE);
}

static void expire(void)
{
    int64_t now = myl_tick_ms();
    uint64_t user;
    size_t at = 0;
    void *value;

    if (now < next_end)
        return;
    next_end = INT64_MAX;
    while (myl_table_next(people, &at, &user, &value)) {
        expire_one(value, now);
        watch(value);
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
        drop(oldest);
    one = myl_process_alloc(sizeof(*one));
    one->user = user;
    myl_table_set(people, user, one);
    link_newest(one);
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
    if (seen)
        change(one, MYL_PRESENCE_ONLINE);
    if (seen)
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

void myl_room_presence_since(myl_ctx *cx, uint64_t counter, const uint64_t **users, size_t *count)
{
    myl_list list = MYL_LIST(cx, uint64_t);

    enter();
    for (const person *one = newest;
         one != NULL && one->counter > counter && list.count < MYL_LIMIT_PRESENCE_WALK;
         one = one->older)
        myl_list_push(&list, uint64_t, one->user);
    pthread_mutex_unlock(&lock);
    *users = list.at;
    *count = list.count;
}

void myl_room_presence_stop(void)
{
    pthread_mutex_lock(&lock);
    while (newest != NULL)
        drop(newest);
    if (people != NULL)
        myl_table_end(people);
    people = NULL;
    next_end = INT64_MAX;
    pthread_mutex_unlock(&lock);
}
