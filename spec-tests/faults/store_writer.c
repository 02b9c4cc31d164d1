/* store_writer.c: writers that can be killed at any moment, and the look at what they left.
 *
 *   store_writer write FOLDER ROUND    writes until it is killed; prints each change that was answered
 *   store_writer read FOLDER           prints every row that changes left, and what is wrong among them
 *
 * Why:     a change whose answer was seen must be there after a kill or a power loss, whole and once.
 * Threads: eight submit changes, the engine runs them; a line goes out by one write(2) after the answer.
 * Holds:   a change of thread T, number N in round R puts the row "R T N" with its position, adds the position to
 *          a set, and counts in one row that all changes share. Every seventh one fails and must leave nothing.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <myelin/crypto_sign.h>
#include <myelin/store_engine.h>

#define THREADS 8
#define COUNT_KEY MYL_S("count")
#define SET_KEY MYL_S("positions")

typedef struct {
    myl_change change; /* first member */
    uint64_t round, thread, number;
    uint64_t position;
} write_change;

static myl_store *store;
static myl_engine *engine;
static uint64_t round_number;

static myl_rc count_up(myl_ctx *cx)
{
    myl_str value;
    uint64_t count = 0;
    MYL_TRY(myl_store_get(cx, MYL_TABLE_TASKS, COUNT_KEY, &value));
    (void)myl_cut_u64(&value, &count);
    myl_key next = myl_key_of_u64(count + 1);
    return myl_store_put(cx, MYL_TABLE_TASKS, COUNT_KEY, myl_key_str(&next));
}

static myl_rc run(myl_change *change)
{
    write_change *self = (write_change *)change;
    myl_ctx *cx = change->cx;
    uint64_t id;
    self->position = myl_engine_next_position(cx);
    myl_key row = myl_key_of_u64s3(self->round, self->thread, self->number);
    myl_key position = myl_key_of_u64(self->position);
    myl_text value = MYL_TEXT(cx);
    myl_text_add(&value, myl_key_str(&position));
    (void)memset(myl_text_reserve(&value, 700), (int)(self->number % 256), 700);
    MYL_TRY(count_up(cx));
    MYL_TRY(myl_store_put(cx, MYL_TABLE_TASKS, myl_key_str(&row), myl_text_str(&value)));
    MYL_TRY(myl_store_add(cx, MYL_TABLE_EVENT_IDS, SET_KEY, myl_key_str(&position)));
    MYL_TRY(myl_store_intern(cx, MYL_INTERN_NAME, myl_key_str(&row), &id));
    return self->number % 7 == 0 ? MYL_FORBIDDEN : MYL_OK;
}

static void *writer(void *arg)
{
    uint64_t thread = (uint64_t)(uintptr_t)arg;
    for (uint64_t number = 1;; number++) {
        myl_ctx cx;
        myl_ctx_begin(&cx);
        write_change one = {.change = {.name = "write", .cx = &cx, .run = run},
                            .round = round_number,
                            .thread = thread,
                            .number = number};
        myl_rc rc = myl_engine_run(engine, &one.change);
        char line[96];
        int len = snprintf(line, sizeof(line), "%" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 "\n",
                           round_number, thread, number, one.position);
        MYL_ASSERT(rc == (number % 7 == 0 ? MYL_FORBIDDEN : MYL_OK));
        if (rc == MYL_OK && write(STDOUT_FILENO, line, (size_t)len) != len)
            exit(1);
        myl_ctx_end(&cx);
    }
    return NULL;
}

static int open_store(myl_ctx *cx, const char *folder)
{
    myl_store_options options = {.folder = folder, .map_size = UINT64_C(1) << 28, .readers = 16};
    if (myl_store_open(cx, &options, &store) == MYL_OK)
        return 0;
    fprintf(stderr, "%.*s\n", MYL_FMT(cx->error.detail));
    return 1;
}

static int write_forever(myl_ctx *cx, const char *folder)
{
    pthread_t threads[THREADS];
    if (open_store(cx, folder) != 0 || myl_engine_start(cx, store, NULL, NULL, &engine) != MYL_OK)
        return 1;
    for (size_t i = 0; i < THREADS; i++) {
        if (pthread_create(&threads[i], NULL, writer, (void *)(uintptr_t)i) != 0)
            return 1;
    }
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    return 0;
}

/* ---- the look at what is left ---- */

static uint64_t wrong;

#define EXPECT(condition)                                                                          \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            printf("wrong: %s\n", #condition);                                                     \
            wrong++;                                                                               \
        }                                                                                          \
    } while (0)

static myl_rc read_row(myl_ctx *cx, myl_str key, myl_str value, uint64_t *rows)
{
    uint64_t parts[3];
    uint64_t position = 0;
    uint64_t id;
    bool has;
    myl_str whole = key;
    if (key.len != 24)
        return MYL_OK;
    for (int i = 0; i < 3; i++)
        (void)myl_cut_u64(&key, &parts[i]);
    (void)myl_cut_u64(&value, &position);
    EXPECT(value.len == 700);
    for (size_t i = 0; i < value.len; i++)
        EXPECT((unsigned char)value.at[i] == parts[2] % 256);
    myl_key place = myl_key_of_u64(position);
    MYL_TRY(myl_store_has(cx, MYL_TABLE_EVENT_IDS, SET_KEY, myl_key_str(&place), &has));
    EXPECT(has);
    MYL_TRY(myl_store_interned(cx, MYL_INTERN_NAME, whole, &id));
    EXPECT(id != 0);
    EXPECT(parts[2] % 7 != 0);
    (*rows)++;
    printf("%" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", parts[0], parts[1], parts[2],
           position);
    return MYL_OK;
}

static myl_rc read_rows(myl_ctx *cx)
{
    myl_scan *scan;
    myl_str key;
    myl_str value;
    uint64_t rows = 0;
    uint64_t positions;
    uint64_t newest;
    uint64_t count = 0;
    MYL_TRY(myl_scan_start(cx, MYL_TABLE_TASKS, MYL_ABSENT, MYL_ABSENT, MYL_FORWARD, &scan));
    for (;;) {
        MYL_TRY(myl_scan_next(scan, &key, &value));
        if (!myl_str_present(key))
            break;
        MYL_TRY(read_row(cx, key, value, &rows));
    }
    MYL_TRY(myl_store_count(cx, MYL_TABLE_EVENT_IDS, SET_KEY, &positions));
    MYL_TRY(myl_store_position(cx, &newest));
    MYL_TRY(myl_store_get(cx, MYL_TABLE_TASKS, COUNT_KEY, &value));
    (void)myl_cut_u64(&value, &count);
    EXPECT(positions == rows);
    EXPECT(newest == rows);
    EXPECT(count == rows);
    return MYL_OK;
}

static int read_all(myl_ctx *cx, const char *folder)
{
    if (open_store(cx, folder) != 0 || myl_snapshot_open(cx, store) != MYL_OK)
        return 1;
    myl_rc rc = read_rows(cx);
    myl_snapshot_close(cx);
    myl_store_close(store);
    if (rc != MYL_OK)
        printf("wrong: %.*s\n", MYL_FMT(cx->error.detail));
    return rc == MYL_OK && wrong == 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
    myl_ctx cx;
    myl_crypto_start();
    myl_ctx_begin(&cx);
    if (argc == 4 && strcmp(argv[1], "write") == 0) {
        round_number = strtoull(argv[3], NULL, 10);
        return write_forever(&cx, argv[2]);
    }
    if (argc == 3 && strcmp(argv[1], "read") == 0) {
        int status = read_all(&cx, argv[2]);
        myl_ctx_end(&cx);
        return status;
    }
    fprintf(stderr, "usage: store_writer write FOLDER ROUND | read FOLDER\n");
    return 2;
}
