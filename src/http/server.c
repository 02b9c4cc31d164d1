/* server.c: the front as a whole: made, run, told what was committed, stopped.
 *
 * Why:     the engine's listener is this server and this server submits to the engine; so it is
 *          opened first, the engine starts, then it runs.
 * Callers: main.c; the engine for each commit; who changes volatile things (typing) for
 *          myl_http_wake.
 * Threads: open, run, reload, stop: main; committed: the engine; wake: any.
 * Memory:  process memory, kept until the process ends: mail may come late.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "http/http_own.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "http/listen.h"

enum { DAY_MS = 24 * 60 * 60 * 1000, CUT_MS = 500, END_MS = 500 };

static _Atomic(myl_http *) running; /* for myl_http_wake */

/* ---- h2o's configuration ---- */

static void configure_path(h2o_pathconf_t *path)
{
    myl_http_send_filter(path);
    path->error_log.emit_request_errors = 0;
}

static size_t largest_body(const myl_http_setup *setup)
{
    size_t largest = 0;

    for (size_t i = 0; i < setup->endpoint_count; i++) {
        if (setup->endpoints[i].body_limit > largest)
            largest = setup->endpoints[i].body_limit;
    }
    return largest;
}

static void configure_h2o(myl_http *http, const myl_http_setup *setup)
{
    h2o_globalconf_t *h2o = &http->h2o;
    const myl_config *config = setup->config;

    h2o_config_init(h2o);
    h2o->server_name = h2o_iovec_init(NULL, 0);
    h2o->max_request_entity_size = largest_body(setup) + 1; /* the guard answers earlier */
    h2o->http1.req_timeout = DAY_MS;                        /* likewise */
    h2o->http1.upgrade_to_http2 = 0;
    h2o->http2.idle_timeout = (uint64_t)config->http_idle_timeout;
    h2o->http2.max_concurrent_requests_per_connection =
        (size_t)config->http_max_requests_per_connection;
    h2o_hostconf_t *host =
        h2o_config_register_host(h2o, h2o_iovec_init(H2O_STRLIT("default")), 65535);
    configure_path(&host->fallback_path);
    h2o_pathconf_t *root = h2o_config_register_path(host, "/", 0);
    configure_path(root);
    h2o_create_handler(root, sizeof(h2o_handler_t))->on_req = myl_http_exchange_start;
    h2o_create_handler(&host->fallback_path, sizeof(h2o_handler_t))->on_req =
        myl_http_exchange_start;
}

/* Large bodies lie in files here; h2o unlinks each as soon as it is open. */
static myl_rc prepare_spool(myl_ctx *cx, const myl_config *config)
{
    char *folder = myl_cstr(cx, myl_strf(cx, "%.*s/spool", MYL_FMT(config->data_dir)));
    char *pattern = h2o_socket_buffer_mmap_settings.fn_template;
    size_t room = sizeof(h2o_socket_buffer_mmap_settings.fn_template);

    if (mkdir(folder, 0700) != 0 && errno != EEXIST)
        return myl_fail(cx, MYL_BAD_CONFIG, "%s: %s", folder, strerror(errno));
    if ((size_t)snprintf(pattern, room, "%s/body.XXXXXX", folder) >= room)
        return myl_fail(cx, MYL_BAD_CONFIG, "data_dir: the path is too long");
    return MYL_OK;
}

/* ---- open and run ---- */

static size_t cores(void)
{
    long count = sysconf(_SC_NPROCESSORS_ONLN);
    return count < 1 ? 1 : (size_t)count;
}

static myl_rc open_listeners(myl_ctx *cx, myl_http *http)
{
    const myl_config_listeners *wanted = &http->config->listeners;

    http->listeners = myl_process_alloc(wanted->count * sizeof(http_listener));
    http->listener_count = wanted->count;
    for (size_t i = 0; i < wanted->count; i++) {
        http_listener *listener = &http->listeners[i];
        listener->config = &wanted->items[i];
        listener->http = http;
        listener->fd = -1;
        MYL_TRY(myl_http_listen_tls(cx, listener, &listener->tls));
        MYL_TRY(myl_http_listen_bind(cx, listener));
    }
    return MYL_OK;
}

static void close_listeners(myl_http *http)
{
    for (size_t i = 0; i < http->listener_count; i++) {
        http_listener *listener = &http->listeners[i];
        if (listener->tls != NULL)
            myl_shared_drop(&listener->tls->shared);
        if (listener->fd >= 0)
            close(listener->fd);
    }
    myl_process_free(http->listeners);
}

static myl_http *new_server(const myl_http_setup *setup)
{
    myl_http *http = myl_process_alloc(sizeof(*http));
    int64_t wanted = setup->config->threads_loops;
    pthread_condattr_t monotonic;

    http->config = setup->config;
    http->store = setup->store;
    http->router = myl_http_router_start(setup->endpoints, setup->endpoint_count);
    http->rates = myl_http_rates_start(setup->config);
    http->addresses = myl_table_start();
    pthread_mutex_init(&http->address_lock, NULL);
    pthread_mutex_init(&http->end_lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&http->ended, &monotonic);
    pthread_condattr_destroy(&monotonic);
    http->loop_count = wanted > 0 ? (size_t)wanted : cores();
    return http;
}

myl_rc myl_http_open(myl_ctx *cx, const myl_http_setup *setup, myl_http **out)
{
    myl_http *http = new_server(setup);
    myl_rc rc = prepare_spool(cx, setup->config);

    if (rc == MYL_OK)
        rc = open_listeners(cx, http);
    if (rc != MYL_OK) {
        close_listeners(http);
        myl_http_router_end(http->router);
        myl_http_rates_end(http->rates);
        myl_table_end(http->addresses);
        myl_process_free(http);
        return rc;
    }
    configure_h2o(http, setup);
    http->loops = myl_process_alloc(http->loop_count * sizeof(http_loop));
    for (size_t i = 0; i < http->loop_count; i++)
        myl_http_loop_open(&http->loops[i], http, (unsigned)i);
    *out = http;
    return MYL_OK;
}

void myl_http_run(myl_http *http, myl_engine *engine)
{
    int64_t wanted = http->config->threads_readers;

    http->engine = engine;
    myl_user_on_tokens_changed(myl_http_callers_forget);
    http->readers =
        myl_http_readers_start(wanted > 0 ? (size_t)wanted : cores(), myl_http_job_read);
    for (size_t i = 0; i < http->loop_count; i++)
        myl_http_loop_run(&http->loops[i]);
    atomic_store(&running, http);
}

/* ---- posts ---- */

typedef struct {
    http_mail mail;
    myl_post *post;
} post_mail;

static void take_post(void *at, http_mail *mail)
{
    http_loop *loop = at;
    post_mail *one = MYL_OF(mail, post_mail, mail);

    myl_waiter *woken = myl_waiters_post(loop->waiters, one->post);
    myl_shared_drop(&one->post->shared);
    if (woken != NULL)
        myl_http_exchange_wake(loop, woken, false);
}

static void free_post(void *whole)
{
    myl_process_free(whole);
}

static bool is_for_waiters(const myl_note *note)
{
    return note->kind != MYL_NOTE_DESTINATION;
}

/* The post, its notes and a mail for each loop, in one block. */
static myl_post *new_post(const myl_http *http, const myl_batch *batch, post_mail **mails)
{
    size_t notes_at = sizeof(myl_post);
    size_t mails_at = notes_at + batch->count * sizeof(myl_note);
    myl_post *post = myl_process_alloc(mails_at + http->loop_count * sizeof(post_mail));
    myl_note *notes = (myl_note *)(void *)((char *)post + notes_at);

    myl_shared_start(&post->shared, free_post);
    post->position = batch->position;
    post->notes = notes;
    for (size_t i = 0; i < batch->count; i++) {
        if (is_for_waiters(&batch->notes[i]))
            notes[post->count++] = batch->notes[i];
    }
    *mails = (post_mail *)(void *)((char *)post + mails_at);
    return post;
}

/* The number rises before anyone is asked whether he looks: who begins to look later sees what was
 * committed. */
static void post_to_loops(myl_http *http, const myl_batch *batch)
{
    uint64_t sequence = atomic_fetch_add(&http->posts, 1) + 1;
    myl_post *post = NULL;
    post_mail *mails = NULL;

    for (size_t i = 0; i < http->loop_count; i++) {
        http_loop *loop = &http->loops[i];
        if (atomic_load(&loop->lookers) == 0)
            continue;
        if (post == NULL) {
            post = new_post(http, batch, &mails);
            post->sequence = sequence;
        }
        myl_shared_ref(&post->shared);
        mails[i].post = post;
        mails[i].mail.deliver = take_post;
        myl_http_mail_put(&loop->mailbox, &mails[i].mail);
    }
    if (post != NULL)
        myl_shared_drop(&post->shared);
}

void myl_http_committed(void *arg, const myl_batch *batch)
{
    for (size_t i = 0; i < batch->count; i++) {
        if (is_for_waiters(&batch->notes[i])) {
            post_to_loops(arg, batch);
            return;
        }
    }
}

void myl_http_wake(myl_note_kind kind, uint64_t id)
{
    myl_http *http = atomic_load(&running);
    myl_note note = {kind, id};
    myl_batch batch = {.position = 0, .notes = &note, .count = 1};

    if (http != NULL)
        post_to_loops(http, &batch);
}

/* ---- reload ---- */

typedef struct {
    http_mail mail;
    http_listener *listener;
    http_tls *tls;
} tls_mail;

static void take_tls(void *at, http_mail *mail)
{
    tls_mail *one = MYL_OF(mail, tls_mail, mail);

    MYL_UNUSED(at);
    myl_shared_drop(&one->listener->tls->shared);
    one->listener->tls = one->tls;
    myl_process_free(one);
}

static void send_tls(myl_http *http, http_listener *listener, http_tls *tls)
{
    tls_mail *one = myl_process_alloc(sizeof(*one));

    one->mail.deliver = take_tls;
    one->listener = listener;
    one->tls = tls;
    myl_http_mail_put(&http->loops[0].mailbox, &one->mail);
}

myl_rc myl_http_reload(myl_ctx *cx, myl_http *http)
{
    http_tls **fresh = myl_new_array(cx, http_tls *, http->listener_count);
    myl_rc rc = MYL_OK;

    for (size_t i = 0; i < http->listener_count && rc == MYL_OK; i++)
        rc = myl_http_listen_tls(cx, &http->listeners[i], &fresh[i]);
    for (size_t i = 0; i < http->listener_count; i++) {
        if (fresh[i] == NULL)
            continue;
        if (rc == MYL_OK)
            send_tls(http, &http->listeners[i], fresh[i]);
        else
            myl_shared_drop(&fresh[i]->shared);
    }
    return rc;
}

/* ---- stop ---- */

static void enter_all(myl_http *http, http_phase phase)
{
    for (size_t i = 0; i < http->loop_count; i++)
        myl_http_loop_enter(&http->loops[i], phase);
}

static bool all_drained(const myl_http *http)
{
    for (size_t i = 0; i < http->loop_count; i++) {
        if (!http->loops[i].is_drained)
            return false;
    }
    return true;
}

static bool all_ended(const myl_http *http)
{
    for (size_t i = 0; i < http->loop_count; i++) {
        if (!http->loops[i].has_ended)
            return false;
    }
    return true;
}

/* Waits until it is so of all loops, for at most ms. */
static bool wait_until(myl_http *http, bool (*is_so)(const myl_http *http), int64_t ms)
{
    struct timespec end;
    bool so;

    clock_gettime(CLOCK_MONOTONIC, &end);
    int64_t nanoseconds = end.tv_nsec + ms % 1000 * 1000000;
    end.tv_sec += (time_t)(ms / 1000 + nanoseconds / 1000000000);
    end.tv_nsec = (long)(nanoseconds % 1000000000);
    pthread_mutex_lock(&http->end_lock);
    while (!(so = is_so(http))) {
        if (pthread_cond_timedwait(&http->ended, &http->end_lock, &end) == ETIMEDOUT)
            break;
    }
    pthread_mutex_unlock(&http->end_lock);
    return so;
}

void myl_http_stop(myl_http *http, int64_t grace_ms)
{
    atomic_store(&http->stopping, true);
    enter_all(http, HTTP_DRAINING);
    if (!wait_until(http, all_drained, grace_ms)) {
        enter_all(http, HTTP_CUTTING);
        wait_until(http, all_drained, CUT_MS);
    }
    enter_all(http, HTTP_ENDED);
    if (!wait_until(http, all_ended, END_MS))
        myl_log(NULL, MYL_LOG_WARNING, "http",
                "some requests have not come back from their threads");
}

void myl_http_close(myl_http *http)
{
    atomic_store(&running, NULL);
    if (wait_until(http, all_ended, END_MS)) /* what was on a lane has come back by now */
        myl_http_readers_stop(http->readers);
}
