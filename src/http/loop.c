/* loop.c: one thread with its h2o loop: connections, parked requests, mail, deadlines, sweeps.
 *
 * Why:     everything about a connection happens on one thread, so none of it needs a lock.
 * Callers: server.c starts the loops and sends them their phases.
 * Threads: this is the loop's thread; others reach it by mail only.
 * Memory:  h2o keeps buffers in thread-local lists that it never gives back, and mail may come
 *          late; so an ended loop sleeps until the process ends, and its struct stays.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "http/http_own.h"

#include <stdio.h>
#include <unistd.h>

#include <myelin/room_timeline.h>

#include "http/listen.h"

enum { SWEEP_MS = 250, LONGEST_WAIT_MS = 1000, STACK_BYTES = 512 * 1024, INPUT_BYTES = 4096 };

int64_t myl_http_real_ms(void)
{
    return myl_tick_ns() / 1000000;
}

static void on_bell(h2o_socket_t *bell, const char *err)
{
    http_loop *loop = bell->data;
    uint64_t rings;
    ssize_t got = read(loop->mailbox.bell, &rings, sizeof(rings)); /* one read takes all rings */

    MYL_UNUSED(err);
    MYL_UNUSED(got);
    myl_http_mail_deliver(&loop->mailbox, loop);
}

static void set_up(http_loop *loop)
{
    /* A read reserves this much anyway; the preset is twice that, for each waiting connection. */
    h2o_socket_buffer_prototype._initial_buf.capacity = INPUT_BYTES;
    loop->events = h2o_evloop_create();
    h2o_context_init(&loop->context, loop->events, &loop->http->h2o);
    loop->accept.ctx = &loop->context;
    loop->accept.hosts = loop->http->h2o.hosts;
    loop->bell = h2o_evloop_socket_create(loop->events, loop->mailbox.bell, 0);
    loop->bell->data = loop;
    h2o_socket_dont_read(loop->bell, 1);
    h2o_socket_read_start(loop->bell, on_bell);
    loop->next_sweep_ms = myl_http_real_ms() + SWEEP_MS;
    if (loop->number == 0)
        myl_http_listen_start(loop);
}

static int32_t wait_ms(const http_loop *loop)
{
    int64_t wait = LONGEST_WAIT_MS;
    int64_t deadline = myl_waiters_next_deadline(loop->waiters);

    if (loop->conns != NULL || loop->phase != HTTP_RUNNING)
        wait = loop->next_sweep_ms - myl_http_real_ms();
    if (myl_room_typing_next() < deadline)
        deadline = myl_room_typing_next();
    if (deadline != INT64_MAX && deadline - myl_tick_ms() < wait)
        wait = deadline - myl_tick_ms();
    return wait < 0 ? 0 : (int32_t)wait;
}

void myl_http_loop_look(http_loop *loop)
{
    bool keeps = myl_waiters_keeps(loop->waiters);

    if (keeps == loop->keeps)
        return;
    loop->keeps = keeps;
    if (!keeps) {
        atomic_fetch_sub(&loop->lookers, 1);
        return;
    }
    atomic_fetch_add(&loop->lookers, 1);
    loop->kept_since++;
}

static void wake_due(http_loop *loop)
{
    myl_waiter *due = myl_waiters_due(loop->waiters, myl_tick_ms());

    if (due != NULL)
        myl_http_exchange_wake(loop, due, true);
}

/* Typing that has ended by itself is news as well; the first loop that sees it tells. */
static void wake_typing(void)
{
    uint64_t rooms[16];
    size_t count;

    do {
        count = myl_room_typing_ended(rooms, sizeof(rooms) / sizeof(rooms[0]));
        for (size_t i = 0; i < count; i++)
            myl_http_wake(MYL_NOTE_ROOM, rooms[i]);
    } while (count > 0);
}

static void sweep(http_loop *loop)
{
    int64_t now_ms = myl_http_real_ms();

    if (now_ms < loop->next_sweep_ms)
        return;
    loop->next_sweep_ms = now_ms + SWEEP_MS;
    myl_http_guard_sweep(loop, now_ms);
    if (loop->number == 0)
        myl_http_listen_again(loop);
}

static void end_conns(http_loop *loop)
{
    http_conn *next;

    for (http_conn *conn = loop->conns; conn != NULL; conn = next) {
        next = conn->next;
        myl_http_conn_end(conn, HTTP_STOPPING);
    }
}

/* Tells the main thread how far this loop has come. */
static void report(http_loop *loop)
{
    myl_http *http = loop->http;
    bool is_drained = loop->exchange_count == 0;
    bool has_ended = loop->phase == HTTP_ENDED && loop->jobs_out == 0 &&
                     atomic_load(&loop->mailbox.newest) == NULL;

    if (is_drained == loop->is_drained && has_ended == loop->has_ended)
        return;
    pthread_mutex_lock(&http->end_lock);
    loop->is_drained = is_drained;
    loop->has_ended = has_ended;
    pthread_cond_broadcast(&http->ended);
    pthread_mutex_unlock(&http->end_lock);
}

static void *run(void *arg)
{
    http_loop *loop = arg;
    char name[16];

    snprintf(name, sizeof(name), "loop-%u", loop->number);
    pthread_setname_np(pthread_self(), name);
    set_up(loop);
    while (!loop->has_ended) {
        h2o_evloop_run(loop->events, wait_ms(loop));
        wake_due(loop);
        myl_http_loop_look(loop);
        wake_typing();
        sweep(loop);
        if (loop->phase != HTTP_RUNNING)
            report(loop);
    }
    for (;;)
        pause();
    return NULL;
}

/* ---- phases ---- */

static void enter_phase(void *at, http_mail *mail)
{
    http_loop *loop = at;
    http_phase_mail *change = MYL_OF(mail, http_phase_mail, mail);

    loop->phase = change->phase;
    loop->next_sweep_ms = 0;
    switch (loop->phase) {
    case HTTP_RUNNING: break;
    case HTTP_DRAINING:
        if (loop->number == 0)
            myl_http_listen_stop(loop);
        h2o_context_request_shutdown(&loop->context);
        myl_http_exchange_wake(loop, myl_waiters_all(loop->waiters), true);
        break;
    case HTTP_CUTTING: myl_http_exchange_cut(loop); break;
    case HTTP_ENDED: end_conns(loop); break;
    }
}

void myl_http_loop_enter(http_loop *loop, http_phase phase)
{
    http_phase_mail *change = &loop->phase_mails[phase];

    change->phase = phase;
    change->mail.deliver = enter_phase;
    myl_http_mail_put(&loop->mailbox, &change->mail);
}

/* ---- start ---- */

void myl_http_loop_open(http_loop *loop, myl_http *http, unsigned number)
{
    loop->http = http;
    loop->number = number;
    loop->callers = myl_http_callers_start();
    loop->waiters = myl_waiters_start();
    myl_http_mailbox_open(&loop->mailbox);
}

void myl_http_loop_run(http_loop *loop)
{
    pthread_attr_t attributes;

    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    MYL_ASSERT(pthread_create(&loop->thread, &attributes, run, loop) == 0);
    pthread_attr_destroy(&attributes);
}
