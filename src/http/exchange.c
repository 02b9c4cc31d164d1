/* exchange.c: a request and its reply as the loop knows them.
 *
 * Why:     h2o's request may go at any moment, a job may be with another thread; the exchange ties
 *          the two and is only ever touched on its loop.
 * Callers: h2o for each request; the mailbox when a job comes home; the loop for what wakes.
 * Threads: the loop.
 * Memory:  in h2o's pool: h2o calls on_disposed and frees it with its request. A job that is out
 *          then is told (gone) and ends when it comes home.
 * Holds:   exchange->job and job->exchange point to each other, or one of them is NULL.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "http/http_own.h"

static void come_home(void *loop, http_mail *mail);

/* How a request runs again that was parked, or wanted to be. */
typedef struct {
    bool deadline_over, rooms_wanted;
} again;
static void run_again(http_exchange *exchange, again how);

/* ---- life ---- */

static void set_looker(http_exchange *exchange, bool looks)
{
    if (looks == exchange->is_looker)
        return;
    exchange->is_looker = looks;
    if (looks)
        atomic_fetch_add(&exchange->loop->lookers, 1);
    else
        atomic_fetch_sub(&exchange->loop->lookers, 1);
}

static http_exchange **list_of(const http_exchange *exchange)
{
    http_loop *loop = exchange->loop;
    return exchange->state == HTTP_EXCHANGE_SENDING ? &loop->sending : &loop->exchanges;
}

static void link_exchange(http_exchange *exchange)
{
    http_exchange **list = list_of(exchange);

    exchange->next = *list;
    exchange->before = NULL;
    if (exchange->next != NULL)
        exchange->next->before = exchange;
    *list = exchange;
}

static void unlink_exchange(http_exchange *exchange)
{
    if (exchange->next != NULL)
        exchange->next->before = exchange->before;
    if (exchange->before != NULL)
        exchange->before->next = exchange->next;
    else
        *list_of(exchange) = exchange->next;
}

void myl_http_exchange_set(http_exchange *exchange, http_exchange_state state)
{
    unlink_exchange(exchange);
    exchange->state = state;
    link_exchange(exchange);
}

static void note_end(http_exchange *exchange)
{
    http_conn *conn = exchange->conn;
    bool was_sent = exchange->state == HTTP_EXCHANGE_SENDING;

    if (!was_sent)
        myl_metric_add(MYL_METRIC_HTTP_GONE, 1);
    if (conn->kind == HTTP_CONN_TWO && was_sent)
        myl_http_frames_answered(&conn->two);
    if (conn->kind == HTTP_CONN_ONE && conn->one.exchange == exchange)
        conn->one.exchange = NULL;
}

static void on_disposed(void *memory)
{
    http_exchange *exchange = memory;
    http_job *job = exchange->job;

    note_end(exchange);
    if (exchange->state == HTTP_EXCHANGE_PARKED)
        myl_metric_add(MYL_METRIC_HTTP_PARKED, -1);
    myl_waiters_remove(exchange->loop->waiters, &exchange->waiter);
    set_looker(exchange, false);
    unlink_exchange(exchange);
    exchange->loop->exchange_count--;
    if (job == NULL)
        return;
    if (exchange->state == HTTP_EXCHANGE_OUT) {
        job->exchange = NULL;
        atomic_store(&job->gone, true);
    } else {
        myl_http_job_free(job);
    }
}

static http_exchange *new_exchange(h2o_req_t *h2o)
{
    http_conn *conn = myl_http_conn_of(h2o);
    http_loop *loop = conn->loop;
    http_exchange *exchange = h2o_mem_alloc_shared(&h2o->pool, sizeof(*exchange), on_disposed);

    memset(exchange, 0, sizeof(*exchange));
    exchange->h2o = h2o;
    exchange->loop = loop;
    exchange->conn = conn;
    exchange->began_ns = myl_tick_ns();
    exchange->request_id = ++loop->requests * loop->http->loop_count + loop->number;
    link_exchange(exchange);
    loop->exchange_count++;
    myl_http_conn_busy(conn, exchange);
    return exchange;
}

/* ---- running ---- */

/* A job that has passed the gate goes to where it runs. */
static void send_out(http_exchange *exchange)
{
    http_job *job = exchange->job;

    myl_http_exchange_set(exchange, HTTP_EXCHANGE_OUT);
    exchange->loop->jobs_out++;
    job->mail.deliver = come_home;
    if (job->req.endpoint->run == MYL_RUN_READ)
        set_looker(exchange, true);
}

/* ---- coming home ---- */

static void park(http_exchange *exchange)
{
    http_job *job = exchange->job;
    myl_wait wait = job->wait;

    myl_http_exchange_set(exchange, HTTP_EXCHANGE_PARKED);
    if (exchange->parked_since == 0)
        exchange->parked_since = myl_tick_ms();
    myl_waiters_answer answer = MYL_WAITERS_MISSED;
    if (exchange->loop->phase == HTTP_RUNNING)
        answer = myl_waiters_add(exchange->loop->waiters, &exchange->waiter, &wait);
    myl_http_loop_look(exchange->loop);
    exchange->job = NULL;
    myl_http_job_free(job);
    myl_metric_add(MYL_METRIC_HTTP_PARKED, 1);
    if (answer != MYL_WAITERS_SLEEPS)
        run_again(exchange,
                  (again){exchange->loop->phase != HTTP_RUNNING, answer == MYL_WAITERS_ASK_ROOMS});
}

static void come_home(void *at, http_mail *mail)
{
    http_loop *loop = at;
    http_job *job = MYL_OF(mail, http_job, mail);
    http_exchange *exchange = job->exchange;

    loop->jobs_out--;
    if (exchange == NULL) {
        myl_http_job_free(job);
        return;
    }
    if (job->rc == MYL_WAIT) {
        park(exchange);
        return;
    }
    if (job->rc == MYL_OK)
        myl_http_next_note(job);
    set_looker(exchange, false);
    if (exchange->h2o->_generator != NULL)
        myl_http_send_page(exchange);
    else
        myl_http_send(exchange);
}

/* ---- beginning ---- */

static void begin(http_exchange *exchange)
{
    http_job *job = myl_http_gate_job(exchange);

    exchange->job = job;
    job->rc = myl_http_gate_pass(job);
    if (job->rc == MYL_OK && job->req.endpoint->run == MYL_RUN_LOOP) {
        job->rc = myl_http_job_call(job);
    } else if (job->rc == MYL_OK && myl_http_next_sleeps(job)) {
        set_looker(exchange, true);
        park(exchange);
        return;
    } else if (job->rc == MYL_OK) {
        send_out(exchange);
        myl_http_job_go(job);
        return;
    }
    myl_http_send(exchange);
}

int myl_http_exchange_start(h2o_handler_t *handler, h2o_req_t *h2o)
{
    http_exchange *exchange = new_exchange(h2o);

    MYL_UNUSED(handler);
    if (h2o_memis(h2o->input.method.base, h2o->input.method.len, H2O_STRLIT("OPTIONS")))
        myl_http_send_preflight(exchange);
    else if (exchange->loop->phase == HTTP_CUTTING)
        myl_http_send_stopping(exchange);
    else
        begin(exchange);
    return 0;
}

/* ---- waking ---- */

/* Makes the job anew from h2o's request; true when it is ready to run. Otherwise it is answered. */
static bool make_again(http_exchange *exchange, again how)
{
    http_job *job = myl_http_gate_job(exchange);

    myl_metric_add(MYL_METRIC_HTTP_PARKED, -1);
    exchange->job = job;
    job->deadline_over = how.deadline_over;
    job->rooms_wanted = how.rooms_wanted;
    job->rc = myl_http_gate_pass(job);
    if (job->rc == MYL_OK) {
        send_out(exchange);
        return true;
    }
    myl_http_exchange_set(exchange, HTTP_EXCHANGE_SENDING);
    set_looker(exchange, false);
    myl_http_send(exchange);
    return false;
}

static void run_again(http_exchange *exchange, again how)
{
    if (make_again(exchange, how))
        myl_http_job_go(exchange->job);
}

/* All that one post wakes goes to the read workers in one chain. */
void myl_http_exchange_wake(http_loop *loop, myl_waiter *chain, bool deadline_over)
{
    myl_queue_item *first = NULL;
    myl_queue_item **last = &first;
    myl_queue_item *newest = NULL;
    size_t count = 0;

    while (chain != NULL) {
        http_exchange *exchange = MYL_OF(chain, http_exchange, waiter);
        chain = chain->next;
        myl_metric_add(MYL_METRIC_HTTP_WOKEN, 1);
        if (!make_again(exchange, (again){deadline_over, false}))
            continue;
        newest = &exchange->job->item;
        *last = newest;
        last = &newest->next;
        count++;
    }
    if (count > 0)
        myl_http_readers_put_all(loop->http->readers, first, newest, count);
}

void myl_http_exchange_cut(http_loop *loop)
{
    http_exchange *next;

    for (http_exchange *exchange = loop->exchanges; exchange != NULL; exchange = next) {
        http_job *job = exchange->job;
        next = exchange->next;
        if (exchange->state != HTTP_EXCHANGE_OUT || exchange->h2o->_generator != NULL)
            continue;
        exchange->job = NULL;
        job->exchange = NULL;
        atomic_store(&job->gone, true);
        set_looker(exchange, false);
        myl_http_send_stopping(exchange);
    }
}
