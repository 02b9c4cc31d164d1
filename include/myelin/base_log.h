/* base_log.h: structured log lines and metrics.
 *
 * A line has time, level, folder, request id, message, and named values. Text or JSON by
 * configuration; the level can differ by folder. Never a token, password or message content: the
 * type myl_secret (base_text.h) has no log form on purpose. Foreign text is escaped; a line is at
 * most LOG_LINE bytes (limits.def). Threads: any; a line is one write(2) to stderr.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MYELIN_BASE_LOG_H
#define MYELIN_BASE_LOG_H

#include <myelin/base_ctx.h>

typedef enum { MYL_LOG_ERROR, MYL_LOG_WARNING, MYL_LOG_INFO, MYL_LOG_DEBUG } myl_log_level;

/* Named values: end the list with MYL_LOG_END. */
typedef struct {
    const char *name;
    myl_str text;   /* used when present */
    int64_t number; /* otherwise */
} myl_log_value;
#define MYL_LOG_STR(name, s) ((myl_log_value){(name), (s), 0})
#define MYL_LOG_INT(name, n) ((myl_log_value){(name), MYL_ABSENT, (int64_t)(n)})

/* myl_log(cx, MYL_LOG_INFO, "http", "listening", MYL_LOG_STR("address", a)); cx may be NULL. */
#define myl_log(cx, level, folder, message, ...)                                                   \
    do {                                                                                           \
        if (myl_log_wanted((level), (folder)))                                                     \
            myl_log_write((cx), (level), (folder), (message),                                      \
                          (myl_log_value[]){__VA_ARGS__ __VA_OPT__(, ){NULL, MYL_ABSENT, 0}});     \
    } while (0)
bool myl_log_wanted(myl_log_level level, const char *folder);
void myl_log_write(const myl_ctx *cx, myl_log_level level, const char *folder, const char *message,
                   const myl_log_value *values);
/* The recorded failure of a FAULT-kind error, with file and line. */
void myl_log_failure(const myl_ctx *cx, const char *folder);

/* Set-up at start, before threads. `levels` like "info,http=debug"; false: not understood. */
bool myl_log_configure(const char *levels, bool json);
/* Would myl_log_configure understand them? */
bool myl_log_understands(const char *levels);

/* Metrics: rows of src/base/metrics.def, METRIC(NAME, kind, "help"); kinds COUNTER, GAUGE. */
typedef enum {
#define METRIC(name, kind, help) MYL_METRIC_##name,
#include "base/metrics.def"
#undef METRIC
    MYL_METRIC_COUNT
} myl_metric;
void myl_metric_add(myl_metric metric, int64_t amount); /* relaxed atomic */
int64_t myl_metric_value(myl_metric metric);
/* The text exposition format of Prometheus, all rows. */
void myl_metric_write(myl_text *out);

#endif
