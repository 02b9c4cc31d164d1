/* daemon.c: the server as a process: start and stop order, signals.
 *
 * Why:     one place shows what depends on what: it starts from the store upwards, and stops from
 *          the front downwards, so that whatever still runs finds what it needs.
 * Callers: main.c. Threads: the main thread, which then only waits for signals.
 * Holds:   signals are blocked before the first thread starts and taken by sigwaitinfo alone; so
 *          they also work for process 1. Everything is bound and opened before a reply is given.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <myelin/cmd_daemon.h>

#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include <myelin/api_endpoints.h>
#include <myelin/base_log.h>
#include <myelin/fed_call.h>
#include <myelin/fed_joins.h>
#include <myelin/fed_policy.h>
#include <myelin/fed_rooms.h>
#include <myelin/http_server.h>
#include <myelin/outbox_send.h>
#include <myelin/push_counts.h>
#include <myelin/push_pushers.h>
#include <myelin/room_deactivate.h>
#include <myelin/room_delayed.h>
#include <myelin/room_guest.h>
#include <myelin/room_people.h>
#include <myelin/room_profile.h>
#include <myelin/room_purge.h>
#include <myelin/room_redactions.h>
#include <myelin/room_retention.h>
#include <myelin/room_send.h>
#include <myelin/room_upgrade.h>
#include <myelin/store_copy.h>
#include <myelin/sync_sliding.h>
#include <myelin/tasks_lane.h>

#include "cmd/daemon_own.h"

/* What runs, from the bottom up; what was not reached is NULL. */
typedef struct {
    myl_config *config;
    myl_signing_key *key;
    myl_store *store;
    myl_http *http;
    myl_engine *engine;
    bool has_lanes;
    bool has_tasks;
    bool has_federation;
} daemon_parts;

/* ---- the process ---- */

/* Few arenas: threads here share memory by jobs that move, and each arena keeps what it once
 * had. */
static void tune_memory(void)
{
    mallopt(M_ARENA_MAX, 6);
    mallopt(M_TRIM_THRESHOLD, 256 * 1024);
    mallopt(M_MMAP_THRESHOLD, 256 * 1024);
}

static void raise_descriptors(void)
{
    struct rlimit files;

    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < files.rlim_max) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
}

static void ignore(int number)
{
    MYL_UNUSED(number);
}

static sigset_t block_signals(void)
{
    static const int taken[] = {SIGTERM, SIGINT, SIGHUP};
    sigset_t set;

    sigemptyset(&set);
    for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++) {
        struct sigaction action = {.sa_handler = ignore};
        sigaction(taken[i], &action, NULL);
        sigaddset(&set, taken[i]);
    }
    signal(SIGPIPE, SIG_IGN);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    return set;
}

/* ---- start ---- */

static myl_rc configure(myl_ctx *cx, const char *path, daemon_parts *parts)
{
    MYL_TRY(myl_config_load(cx, path, &parts->config));
    const myl_config *config = parts->config;
    MYL_TRY(myl_api_check_config(cx, config));
    if (!myl_log_configure(config->log_level.at, myl_str_equal(config->log_format, MYL_S("json"))))
        return myl_fail(cx, MYL_BAD_CONFIG, "log.level: not understood");
    myl_crypto_start();
    return myl_signing_key_load(cx, config->signing_key.at, &parts->key);
}

static void start_retention(const myl_config *config)
{
    myl_retention_policy policy = {.enabled = config->retention_enabled,
                                   .default_lifetime_ms = config->retention_default_max_lifetime,
                                   .default_min_ms = config->retention_default_min_lifetime,
                                   .least_ms = config->retention_allowed_min,
                                   .most_ms = config->retention_allowed_max,
                                   .sweep_every_ms = config->retention_sweep_interval,
                                   .erase_after_ms = config->redaction_erase_after};

    myl_room_retention_start(&policy);
}

static void introduce(const daemon_parts *parts)
{
    myl_room_setup setup = {.server_name = parts->config->server_name,
                            .key = parts->key,
                            .default_room_version = parts->config->rooms_default_version.at,
                            .forget_on_leave = parts->config->rooms_forget_on_leave,
                            .purge_forgotten_after_ms =
                                parts->config->rooms_purge_forgotten
                                    ? parts->config->rooms_purge_forgotten_after
                                    : -1};

    myl_room_start(&setup);
    myl_user_on_device_deleted(myl_sliding_device_deleted);
    myl_push_start();
    myl_push_set_thread_rules(parts->config->push_thread_subscriptions);
    myl_api_start(parts->config);
    start_retention(parts->config);
}

static void start_lanes(daemon_parts *parts)
{
    const myl_config *config = parts->config;
    uint32_t threads[MYL_LANE_COUNT] = {[MYL_LANE_PASSWORD] =
                                            (uint32_t)config->threads_password_lane,
                                        [MYL_LANE_HEAVY] = (uint32_t)config->threads_heavy_lane,
                                        [MYL_LANE_REMOTE] = (uint32_t)config->threads_remote_lane};

    myl_lanes_start(threads);
    parts->has_lanes = true;
}

static myl_rc start_federation(myl_ctx *cx, daemon_parts *parts)
{
    const myl_config *config = parts->config;
    myl_net_setup net = {.allow_loopback = config->outgoing_allow_loopback,
                         .allow_networks = config->outgoing_allow_networks.items,
                         .allow_count = config->outgoing_allow_networks.count,
                         .ca_file = config->outgoing_ca_file.at,
                         .resolvers = config->federation_resolvers.items,
                         .resolver_count = config->federation_resolvers.count,
                         .port_map = myl_control_port_map()};
    myl_fed_setup fed = {.config = config,
                         .key = parts->key,
                         .store = parts->store,
                         .engine = parts->engine};

    myl_fed_start(&fed);
    parts->has_federation = true;
    MYL_TRY(myl_net_start(cx, &net));
    return config->federation_enabled ? myl_outbox_start(cx, parts->store, parts->engine) : MYL_OK;
}

/* The engine's listener. */
static void committed(void *http, const myl_batch *batch)
{
    myl_http_committed(http, batch);
    myl_outbox_committed(batch);
}

static myl_rc open_parts(myl_ctx *cx, daemon_parts *parts)
{
    const myl_config *config = parts->config;
    myl_store_options store = {.folder = config->data_dir.at,
                               .map_size = (uint64_t)config->store_map_size,
                               .readers = (uint32_t)config->store_readers};
    myl_http_setup setup = {.config = config};

    MYL_TRY(myl_store_open(cx, &store, &parts->store));
    myl_store_copies_clean(cx, myl_cstr(cx, myl_strf(cx, "%s/backups", config->data_dir.at)));
    introduce(parts);
    setup.store = parts->store;
    setup.endpoints = myl_api_endpoints(&setup.endpoint_count);
    MYL_TRY(myl_http_open(cx, &setup, &parts->http));
    MYL_TRY(myl_engine_start(cx, parts->store, committed, parts->http, &parts->engine));
    MYL_TRY(start_federation(cx, parts));
    start_lanes(parts);
    myl_tasks_register(&myl_room_delayed_task);
    myl_room_delayed_start();
    myl_tasks_register(&myl_room_profile_task);
    myl_tasks_register(&myl_room_profile_late_task);
    myl_tasks_register(&myl_room_deactivate_task);
    myl_tasks_register(&myl_room_leave_late_task);
    myl_tasks_wait_for(&myl_fed_policy_wait);
    myl_tasks_register(&myl_room_guests_task);
    myl_tasks_register(&myl_room_delete_task);
    myl_tasks_register(&myl_room_redact_user_task);
    myl_tasks_register(&myl_room_forgotten_task);
    myl_tasks_register(&myl_room_history_task);
    myl_tasks_register(&myl_room_sweep_task);
    myl_tasks_register(&myl_room_retention_task);
    myl_tasks_register(&myl_room_erase_task);
    myl_tasks_register(&myl_room_people_task);
    myl_tasks_register(&myl_room_upgrade_task);
    myl_fed_joins_start();
    myl_fed_inbox_start();
    MYL_TRY(myl_tasks_start(cx, parts->store, parts->engine));
    parts->has_tasks = true;
    myl_http_run(parts->http, parts->engine);
    return MYL_OK;
}

/* ---- stop ---- */

static void stop(daemon_parts *parts, bool was_running)
{
    if (parts->store != NULL)
        myl_store_copies_stop(parts->store);
    if (was_running)
        myl_http_stop(parts->http, parts->config->shutdown_grace);
    if (parts->has_federation)
        myl_net_stop();
    myl_outbox_stop();
    if (parts->has_tasks)
        myl_tasks_stop();
    if (parts->has_lanes)
        myl_lanes_stop();
    if (parts->engine != NULL)
        myl_engine_stop(parts->engine);
    if (parts->http != NULL)
        myl_http_close(parts->http);
    if (parts->has_federation)
        myl_fed_stop();
    myl_sliding_stop();
    myl_sync_stop();
    myl_push_counts_stop();
    myl_room_stop();
    if (parts->store != NULL)
        myl_store_close(parts->store);
    if (parts->key != NULL)
        myl_signing_key_end(parts->key);
    if (parts->config != NULL)
        myl_config_end(parts->config);
}

static void reload(myl_http *http)
{
    myl_ctx cx;

    myl_ctx_begin(&cx);
    if (myl_http_reload(&cx, http) == MYL_OK)
        myl_log(&cx, MYL_LOG_INFO, "cmd", "certificates read again");
    else
        myl_log(&cx, MYL_LOG_ERROR, "cmd", "the old certificates stay",
                MYL_LOG_STR("reason", cx.error.detail));
    myl_ctx_end(&cx);
}

static void serve_until_stopped(const sigset_t *signals, const daemon_parts *parts)
{
    for (;;) {
        int number = sigwaitinfo(signals, NULL);
        if (number == SIGHUP) {
            reload(parts->http);
        } else if (number > 0) {
            myl_log(NULL, MYL_LOG_INFO, "cmd", "stopping", MYL_LOG_INT("signal", number));
            return;
        }
    }
}

static int complain(const myl_ctx *cx)
{
    fprintf(stderr, "myelin: %.*s\n", MYL_FMT(cx->error.detail));
    return 1;
}

int myl_cmd_serve(const char *config_path)
{
    daemon_parts parts = {.config = NULL};
    myl_ctx cx;
    int status = 0;

    tune_memory();
    raise_descriptors();
    sigset_t signals = block_signals();
    myl_ctx_begin(&cx);
    bool runs = configure(&cx, config_path, &parts) == MYL_OK && open_parts(&cx, &parts) == MYL_OK;
    if (!runs)
        status = complain(&cx);
    myl_ctx_end(&cx);
    if (runs) {
        myl_control_start();
        myl_log(NULL, MYL_LOG_INFO, "cmd", "serving",
                MYL_LOG_STR("server_name", parts.config->server_name),
                MYL_LOG_STR("version", myl_str_of(MYL_VERSION)));
        serve_until_stopped(&signals, &parts);
    }
    stop(&parts, runs);
    if (runs)
        myl_log(NULL, MYL_LOG_INFO, "cmd", "stopped");
    return status;
}

/* ---- small commands ---- */

int myl_cmd_check_config(const char *config_path)
{
    myl_config *config = NULL;
    myl_ctx cx;
    int status = 0;

    myl_ctx_begin(&cx);
    if (myl_config_load(&cx, config_path, &config) == MYL_OK &&
        myl_api_check_config(&cx, config) == MYL_OK)
        printf("%s is good\n", config_path);
    else
        status = complain(&cx);
    if (config != NULL)
        myl_config_end(config);
    myl_ctx_end(&cx);
    return status;
}

int myl_cmd_sample_config(void)
{
    myl_ctx cx;

    myl_ctx_begin(&cx);
    myl_text sample = MYL_TEXT(&cx);
    myl_config_sample(&sample);
    myl_str text = myl_text_str(&sample);
    bool written = fwrite(text.at, 1, text.len, stdout) == text.len && fflush(stdout) == 0;
    myl_ctx_end(&cx);
    return written ? 0 : 1;
}

int myl_cmd_generate_key(int argc, char **argv)
{
    myl_ctx cx;
    int status = 0;

    if (argc != 2) {
        fprintf(stderr, "usage: myelin generate-key FILE\n");
        return 2;
    }
    myl_ctx_begin(&cx);
    myl_crypto_start();
    if (myl_signing_key_create(&cx, argv[1]) != MYL_OK)
        status = complain(&cx);
    myl_ctx_end(&cx);
    return status;
}
