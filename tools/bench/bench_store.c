/* bench_store.c: what a change costs: rows like an event's, one by one and in batches; undo; look-ups.
 *
 *   bench_store [FOLDER] [CHANGES]     default: a new folder under TMPDIR, 4000 changes a line
 *
 * A change writes an 800-byte value and six small rows, as an event does. CPU is the whole process's, so the
 * submitter's share is in it. Prints one line a measurement; removes what it made.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <myelin/store_engine.h>

#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <myelin/base_clock.h>
#include <myelin/base_log.h>
#include <myelin/base_table.h>
#include <myelin/crypto_sign.h>

#define EVENT_BYTES 800

typedef struct {
    myl_change change; /* first member */
    myl_ctx cx;
    uint64_t number;
    bool fails;
} bench_change;

static myl_store *store;
static myl_engine *engine;
static sem_t answers;
static uint64_t rows_made;

static double cpu_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static myl_rc event_rows(myl_ctx *cx, uint64_t number)
{
    static char bytes[EVENT_BYTES];
    uint64_t room = 1 + number % 20;
    myl_sha256 hash = myl_crypto_sha256((myl_str){(const char *)&number, sizeof(number)});
    uint64_t position = myl_engine_next_position(cx);
    myl_key event = myl_key_of_u64(position);
    myl_key in_room = myl_key_of_u64(room);
    myl_key pair = myl_key_of_u64s(position, position);
    MYL_TRY(myl_store_append(cx, MYL_TABLE_EVENTS, myl_key_str(&event),
                             (myl_str){bytes, sizeof(bytes)}));
    MYL_TRY(myl_store_add(cx, MYL_TABLE_EVENT_IDS, (myl_str){(const char *)hash.bytes, 16},
                          myl_key_str(&event)));
    MYL_TRY(myl_store_add(cx, MYL_TABLE_ROOM_ARRIVAL, myl_key_str(&in_room), myl_key_str(&pair)));
    MYL_TRY(myl_store_add(cx, MYL_TABLE_ROOM_READING, myl_key_str(&in_room), myl_key_str(&pair)));
    MYL_TRY(myl_store_append(cx, MYL_TABLE_ROOM_LOG, myl_key_str(&event), myl_key_str(&in_room)));
    MYL_TRY(myl_store_put(cx, MYL_TABLE_ROOM_HEADS, myl_key_str(&in_room),
                          (myl_str){(const char *)pair.bytes, 16}));
    myl_key transaction = myl_key_of_u64(room);
    myl_key_bytes(&transaction, hash.bytes + 16, 16);
    return myl_store_put(cx, MYL_TABLE_TXN_EVEN, myl_key_str(&transaction), myl_key_str(&event));
}

static myl_rc run(myl_change *change)
{
    bench_change *self = (bench_change *)change;
    MYL_TRY(event_rows(change->cx, self->number));
    myl_engine_note(change->cx, MYL_NOTE_ROOM, 1 + self->number % 20);
    return self->fails ? MYL_FORBIDDEN : MYL_OK;
}

static void done(myl_change *change, myl_rc rc)
{
    MYL_UNUSED(change);
    MYL_ASSERT(rc == MYL_OK || rc == MYL_FORBIDDEN);
    sem_post(&answers);
}

/* `together` changes are under way at a time; each `fail_every`th fails (0: none). */
static void measure(const char *name, size_t changes, size_t together, size_t fail_every)
{
    bench_change *all = myl_process_alloc(together * sizeof(*all));
    int64_t commits = myl_metric_value(MYL_METRIC_ENGINE_COMMITS);
    int64_t start = myl_tick_ns();
    double cpu = cpu_seconds();
    for (size_t i = 0; i < changes; i += together) {
        for (size_t c = 0; c < together; c++) {
            myl_ctx_begin(&all[c].cx);
            all[c].change = (myl_change){.name = name, .cx = &all[c].cx, .run = run, .done = done};
            all[c].number = ++rows_made;
            all[c].fails = fail_every > 0 && c % fail_every == 0;
            MYL_ASSERT(myl_engine_submit(engine, &all[c].change) == MYL_OK);
        }
        for (size_t c = 0; c < together; c++)
            sem_wait(&answers);
        for (size_t c = 0; c < together; c++)
            myl_ctx_end(&all[c].cx);
    }
    double seconds = (double)(myl_tick_ns() - start) / 1e9;
    double used = cpu_seconds() - cpu;
    printf("%-28s %8.0f changes/s  %7.1f us CPU a change  %6.2f ms a commit  %.0f commits\n", name,
           (double)changes / seconds, used * 1e6 / (double)changes,
           seconds * 1e3 / (double)(myl_metric_value(MYL_METRIC_ENGINE_COMMITS) - commits + 1),
           (double)(myl_metric_value(MYL_METRIC_ENGINE_COMMITS) - commits));
    myl_process_free(all);
}

/* ---- look-ups ---- */

static myl_rc intern_some(myl_change *change)
{
    uint64_t id;
    for (int i = 0; i < 1000; i++)
        MYL_TRY(myl_store_intern(change->cx, MYL_INTERN_NAME,
                                 myl_strf(change->cx, "@user-%d:example.org", i), &id));
    return MYL_OK;
}

static void report(const char *name, double cpu, size_t count)
{
    printf("%-28s %7.3f us CPU\n", name, (cpu_seconds() - cpu) * 1e6 / (double)count);
}

static void measure_reads(myl_ctx *cx)
{
    enum { ROUNDS = 200000 };
    myl_str names[1000];
    myl_change change = {.name = "names", .cx = cx, .run = intern_some};
    MYL_ASSERT(myl_engine_run(engine, &change) == MYL_OK);
    for (int i = 0; i < 1000; i++)
        names[i] = myl_strf(cx, "@user-%d:example.org", i);
    double cpu = cpu_seconds();
    for (int i = 0; i < ROUNDS; i++) {
        MYL_ASSERT(myl_snapshot_open(cx, store) == MYL_OK);
        myl_snapshot_close(cx);
    }
    report("snapshot", cpu, ROUNDS);
    MYL_ASSERT(myl_snapshot_open(cx, store) == MYL_OK);
    cpu = cpu_seconds();
    for (int i = 0; i < ROUNDS; i++) {
        uint64_t id;
        MYL_ASSERT(myl_store_interned(cx, MYL_INTERN_NAME, names[i % 1000], &id) == MYL_OK &&
                   id > 0);
    }
    report("interned", cpu, ROUNDS);
    cpu = cpu_seconds();
    for (int i = 0; i < ROUNDS; i++) {
        myl_str text;
        myl_mark mark = myl_ctx_mark(cx);
        MYL_ASSERT(myl_store_text_of(cx, MYL_INTERN_NAME, 1 + (uint64_t)i % 1000, &text) == MYL_OK);
        myl_ctx_release(cx, mark);
    }
    report("text of", cpu, ROUNDS);
    cpu = cpu_seconds();
    for (int i = 0; i < ROUNDS; i++) {
        myl_str value;
        myl_key key = myl_key_of_u64(1 + (uint64_t)i * 7919 % 4000);
        MYL_ASSERT(myl_store_get(cx, MYL_TABLE_EVENTS, myl_key_str(&key), &value) == MYL_OK);
    }
    report("get", cpu, ROUNDS);
    cpu = cpu_seconds();
    size_t seen = 0;
    for (int i = 0; i < 20; i++) {
        myl_scan *scan;
        myl_str key;
        myl_str value;
        myl_key room = myl_key_of_u64(1 + (uint64_t)i);
        MYL_ASSERT(myl_scan_values(cx, MYL_TABLE_ROOM_ARRIVAL, myl_key_str(&room), MYL_ABSENT,
                                   MYL_BACKWARD, &scan) == MYL_OK);
        for (;; seen++) {
            MYL_ASSERT(myl_scan_next(scan, &key, &value) == MYL_OK);
            if (!myl_str_present(key))
                break;
        }
    }
    report("scan, a row", cpu, seen);
    myl_snapshot_close(cx);
}

static void remove_file(const char *folder, const char *name)
{
    char path[512];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    (void)remove(path);
}

static void print_growth(const char *folder)
{
    char path[512];
    snprintf(path, sizeof(path), "%s/store.mdb", folder);
    FILE *file = fopen(path, "rb");
    MYL_ASSERT(file != NULL && fseek(file, 0, SEEK_END) == 0);
    printf("%-28s %7.0f bytes a change of %d\n", "file", (double)ftell(file) / (double)rows_made,
           EVENT_BYTES);
    fclose(file);
}

int main(int argc, char **argv)
{
    char folder[256];
    size_t changes = argc > 2 ? strtoull(argv[2], NULL, 10) : 4000;
    const char *parent = getenv("TMPDIR");
    snprintf(folder, sizeof(folder), "%s", argc > 1 ? argv[1] : "");
    if (argc < 2) {
        snprintf(folder, sizeof(folder), "%s/bench-store-XXXXXX", parent != NULL ? parent : "/tmp");
        MYL_ASSERT(mkdtemp(folder) != NULL);
    }
    myl_ctx cx;
    myl_crypto_start();
    myl_ctx_begin(&cx);
    sem_init(&answers, 0, 0);
    myl_store_options options = {.folder = folder, .map_size = UINT64_C(1) << 34, .readers = 16};
    if (myl_store_open(&cx, &options, &store) != MYL_OK ||
        myl_engine_start(&cx, store, NULL, NULL, &engine) != MYL_OK) {
        fprintf(stderr, "%.*s\n", MYL_FMT(cx.error.detail));
        return 1;
    }
    measure("one by one", changes / 4, 1, 0);
    measure("10 at a time", changes, 10, 0);
    measure("256 at a time", changes - changes % 256, 256, 0);
    measure("256, half of them undone", changes - changes % 256, 256, 2);
    print_growth(folder);
    measure_reads(&cx);
    myl_engine_stop(engine);
    myl_store_close(store);
    myl_ctx_end(&cx);
    remove_file(folder, "store.mdb");
    remove_file(folder, "store.mdb-lock");
    remove_file(folder, "lock");
    (void)rmdir(folder);
    return 0;
}
