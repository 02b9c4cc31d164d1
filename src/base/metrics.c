/* metrics.c: counters and gauges, and their text form for Prometheus.
 *
 * Callers: everything counts; the metrics endpoint writes. Threads: any; single relaxed atomics.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <myelin/base_log.h>

#include <ctype.h>
#include <stdatomic.h>

typedef enum { COUNTER, GAUGE } metric_kind;

typedef struct {
    const char *name;
    metric_kind kind;
    const char *help;
} metric_row;

static const metric_row rows[] = {
#define METRIC(name, kind, help) {#name, kind, help},
#include "base/metrics.def"
#undef METRIC
};

static _Atomic int64_t values[MYL_METRIC_COUNT];

void myl_metric_add(myl_metric metric, int64_t amount)
{
    atomic_fetch_add_explicit(&values[metric], amount, memory_order_relaxed);
}

int64_t myl_metric_value(myl_metric metric)
{
    return atomic_load_explicit(&values[metric], memory_order_relaxed);
}

static void write_name(myl_text *out, const metric_row *row)
{
    myl_text_add(out, MYL_S("myelin_"));
    for (const char *at = row->name; *at != '\0'; at++)
        myl_text_add_byte(out, (char)tolower((unsigned char)*at));
    if (row->kind == COUNTER)
        myl_text_add(out, MYL_S("_total"));
}

void myl_metric_write(myl_text *out)
{
    for (size_t i = 0; i < MYL_METRIC_COUNT; i++) {
        myl_text_add(out, MYL_S("# HELP "));
        write_name(out, &rows[i]);
        myl_text_addf(out, " %s\n# TYPE ", rows[i].help);
        write_name(out, &rows[i]);
        myl_text_addf(out, " %s\n", rows[i].kind == COUNTER ? "counter" : "gauge");
        write_name(out, &rows[i]);
        myl_text_add_byte(out, ' ');
        myl_text_add_int(out, myl_metric_value((myl_metric)i));
        myl_text_add_byte(out, '\n');
    }
}
