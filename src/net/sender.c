/* sender.c: the event loop of the sender thread: descriptors, posts, timers.
 *
 * Why:     thousands of calls and back-offs wait on one thread.
 * Callers: fed/, outbox/, push gateways, media: everything that speaks to other machines.
 * Threads: as net_sender.h says. No lock but the queue's.
 * Memory:  posts and timers are their owners'; the heap holds pointers.
 * Holds:   a post that was taken in runs; the stop runs what has come before it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "net/net_own.h"

#include <errno.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include <myelin/base_clock.h>
#include <myelin/base_table.h>

enum { EVENTS = 64, LONGEST_WAIT_MS = 60000 };

static struct {
    pthread_t thread;
    myl_queue *posts;
    int epoll;
    int bell;
    atomic_bool runs, stopping;
    myl_net_timer **timers; /* a heap; index 0 is not used */
    size_t timer_count, timer_room;
} sender;

int64_t myl_net_real_ms(void)
{
    return myl_tick_ns() / 1000000;
}

/* ---- descriptors ---- */

static uint64_t watch_data(int fd, net_watch who)
{
    return (uint64_t)who << 32 | (uint32_t)fd;
}

void myl_net_watch(int fd, net_watch who, bool reads, bool writes)
{
    struct epoll_event event = {.events = (reads ? EPOLLIN : 0u) | (writes ? EPOLLOUT : 0u),
                                .data.u64 = watch_data(fd, who)};

    if (!reads && !writes)
        epoll_ctl(sender.epoll, EPOLL_CTL_DEL, fd, NULL);
    else if (epoll_ctl(sender.epoll, EPOLL_CTL_MOD, fd, &event) != 0 && errno == ENOENT)
        epoll_ctl(sender.epoll, EPOLL_CTL_ADD, fd, &event);
}

static void ring(void *arg)
{
    uint64_t one = 1;
    ssize_t written = write(sender.bell, &one, sizeof(one));

    MYL_UNUSED(arg);
    MYL_UNUSED(written); /* full: it rings already */
}

void myl_net_wake(void)
{
    if (atomic_load(&sender.runs))
        ring(NULL);
}

static void dispatch(const struct epoll_event *event)
{
    int fd = (int)(uint32_t)event->data.u64;
    bool broken = (event->events & (EPOLLERR | EPOLLHUP)) != 0;
    bool reads = broken || (event->events & EPOLLIN) != 0;
    bool writes = broken || (event->events & EPOLLOUT) != 0;
    uint64_t rung;

    switch ((net_watch)(event->data.u64 >> 32)) {
    case NET_WATCH_BELL:
        if (read(fd, &rung, sizeof(rung)) < 0)
            return; /* somebody else's wake-up took it */
        return;
    case NET_WATCH_LOOKUP: myl_net_lookup_ready(fd, reads, writes); return;
    case NET_WATCH_CALL: myl_net_calls_ready(fd, reads, writes); return;
    }
}

/* ---- timers ---- */

static bool earlier(size_t a, size_t b)
{
    return sender.timers[a]->at_ms < sender.timers[b]->at_ms;
}

static void swap(size_t a, size_t b)
{
    myl_net_timer *one = sender.timers[a];

    sender.timers[a] = sender.timers[b];
    sender.timers[b] = one;
    sender.timers[a]->place = a;
    sender.timers[b]->place = b;
}

static void settle(size_t at)
{
    for (; at > 1 && earlier(at, at / 2); at /= 2)
        swap(at, at / 2);
    for (;;) {
        size_t least = at;
        for (size_t child = 2 * at; child <= 2 * at + 1 && child <= sender.timer_count; child++)
            least = earlier(child, least) ? child : least;
        if (least == at)
            return;
        swap(at, least);
        at = least;
    }
}

void myl_net_timer_clear(myl_net_timer *timer)
{
    size_t at = timer->place;

    if (at == 0)
        return;
    swap(at, sender.timer_count--);
    timer->place = 0;
    if (at <= sender.timer_count)
        settle(at);
}

void myl_net_timer_set(myl_net_timer *timer, int64_t at_ms, void (*run)(myl_net_timer *timer))
{
    size_t size = sizeof(sender.timers[0]);

    myl_net_timer_clear(timer);
    timer->at_ms = at_ms;
    timer->run = run;
    if (sender.timer_count + 1 >= sender.timer_room) {
        size_t room = sender.timer_room == 0 ? 64 : 2 * sender.timer_room;
        sender.timers = myl_process_grow(sender.timers, sender.timer_room * size, room * size);
        sender.timer_room = room;
    }
    timer->place = ++sender.timer_count;
    sender.timers[timer->place] = timer;
    settle(timer->place);
}

static void run_timers(void)
{
    int64_t now = myl_tick_ms();

    while (sender.timer_count > 0 && sender.timers[1]->at_ms <= now) {
        myl_net_timer *timer = sender.timers[1];
        myl_net_timer_clear(timer);
        timer->run(timer);
    }
}

/* ---- the loop ---- */

static int64_t sooner(int64_t a, int64_t b)
{
    if (b < 0)
        return a;
    return b < a ? b : a;
}

static int wait_ms(void)
{
    int64_t wait = LONGEST_WAIT_MS;

    if (sender.timer_count > 0) {
        int64_t due = sender.timers[1]->at_ms - myl_tick_ms();
        wait = sooner(wait, due < 0 ? 0 : due);
    }
    wait = sooner(wait, myl_net_lookup_wait());
    return (int)sooner(wait, myl_net_calls_wait());
}

static void run_posts(void)
{
    myl_queue_item *item = myl_queue_take_all(sender.posts);

    while (item != NULL) {
        myl_net_post *post = MYL_OF(item, myl_net_post, item);
        item = item->next;
        post->run(post);
    }
}

static void *loop(void *arg)
{
    struct epoll_event events[EVENTS];

    MYL_UNUSED(arg);
    pthread_setname_np(pthread_self(), "sender");
    while (!atomic_load(&sender.stopping)) {
        int count = epoll_wait(sender.epoll, events, EVENTS, wait_ms());
        for (int i = 0; i < count; i++)
            dispatch(&events[i]);
        run_posts();
        myl_net_lookup_due();
        myl_net_calls_due();
        run_timers();
    }
    myl_queue_close(sender.posts);
    run_posts();
    myl_net_calls_close();
    myl_net_lookup_close();
    return NULL;
}

/* ---- start and stop ---- */

/* The closed queue and the bell stay: a thread that is late may still try to post. */
static void forget(void)
{
    myl_process_free(sender.timers);
    close(sender.epoll);
    sender.timers = NULL;
    sender.timer_count = sender.timer_room = 0;
    myl_net_addresses_close();
}

static void open_posts(void)
{
    if (sender.posts != NULL) {
        myl_queue_end(sender.posts);
        close(sender.bell);
    }
    sender.bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    sender.posts = myl_queue_start(MYL_LIMIT_NET_POSTS, ring, NULL);
}

myl_rc myl_net_start(myl_ctx *cx, const myl_net_setup *setup)
{
    sender.epoll = epoll_create1(EPOLL_CLOEXEC);
    open_posts();
    atomic_store(&sender.stopping, false);
    myl_net_addresses_open(setup);
    myl_net_ports_open(setup->port_map);
    myl_net_watch(sender.bell, NET_WATCH_BELL, true, false);
    myl_rc rc = myl_net_lookup_open(cx, setup);
    if (rc == MYL_OK && (rc = myl_net_calls_open(cx, setup)) != MYL_OK)
        myl_net_lookup_close();
    if (rc == MYL_OK)
        MYL_ASSERT(pthread_create(&sender.thread, NULL, loop, NULL) == 0);
    else
        forget();
    atomic_store(&sender.runs, rc == MYL_OK);
    return rc;
}

void myl_net_stop(void)
{
    if (!atomic_load(&sender.runs))
        return;
    atomic_store(&sender.stopping, true);
    ring(NULL);
    pthread_join(sender.thread, NULL);
    atomic_store(&sender.runs, false);
    forget();
}

bool myl_net_stopping(void)
{
    return atomic_load(&sender.stopping) || !atomic_load(&sender.runs);
}

bool myl_net_is_sender(void)
{
    return atomic_load(&sender.runs) && pthread_equal(pthread_self(), sender.thread) != 0;
}

myl_rc myl_net_run(myl_net_post *post)
{
    if (myl_net_stopping())
        return MYL_STOPPING;
    return myl_queue_put(sender.posts, &post->item);
}
