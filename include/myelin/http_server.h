/* http_server.h: the front: h2o loops, guard, router, gate, read workers.
 *
 * Threads: start, reload and stop from the main thread; post from the engine thread.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MYELIN_HTTP_SERVER_H
#define MYELIN_HTTP_SERVER_H

#include <myelin/config_file.h>
#include <myelin/http_request.h>

typedef struct myl_http myl_http;
typedef struct {
    const myl_config *config;
    myl_store *store;
    const myl_endpoint *endpoints;
    size_t endpoint_count;
} myl_http_setup;

/* Binds every listener before any thread starts; MYL_BAD_CONFIG naming the one that fails. The
 * engine is given later because its listener is this server: myl_http_open,
 * myl_engine_start(myl_http_committed), myl_http_run. */
myl_rc myl_http_open(myl_ctx *cx, const myl_http_setup *setup, myl_http **out);
void myl_http_run(myl_http *http, myl_engine *engine);
/* The engine's listener: posts (position, rooms, users) once to each loop. arg is the myl_http. */
void myl_http_committed(void *arg, const myl_batch *batch);
/* Volatile changes (typing, presence): wakes the waiters of a room or user without a position. Any
 * thread. */
void myl_http_wake(myl_note_kind kind, uint64_t id);
/* Certificates again; old connections keep theirs. On failure the old ones stay. */
myl_rc myl_http_reload(myl_ctx *cx, myl_http *http);
/* Stop accepting; parked requests end with their unchanged answer; answer what is in flight until
 * `grace_ms`, then 503; join. The engine must still run. */
void myl_http_stop(myl_http *http, int64_t grace_ms);
void myl_http_close(myl_http *http);

#endif
