/* test_key_rows.c: the table of other servers' keys, filled to its limits.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/base_test.h"

#include "fed/fed_own.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum {
    STRANGERS = MYL_LIMIT_FED_KEY_SERVERS,
    NEEDED = 200,
    LATE = 2000,
    AT_ONCE = 500,
    DAY = 86400000
};

static char folder[64];
static myl_ctx cx;
static myl_store *store;
static myl_engine *engine;

static int start(void **state)
{
    myl_store_options options = {.folder = folder, .map_size = 1 << 28, .readers = 16};

    (void)state;
    snprintf(folder, sizeof(folder), "/tmp/myelin-keys-XXXXXX");
    if (mkdtemp(folder) == NULL)
        return -1;
    myl_crypto_start();
    myl_ctx_begin(&cx);
    myl_clock_hold(1700000000000);
    assert_int_equal(myl_store_open(&cx, &options, &store), MYL_OK);
    assert_int_equal(myl_engine_start(&cx, store, NULL, NULL, &engine), MYL_OK);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    myl_engine_stop(engine);
    myl_store_close(store);
    remove_store(folder);
    myl_clock_release();
    myl_ctx_end(&cx);
    return 0;
}

/* ---- changes ---- */

typedef struct {
    myl_change change; /* first member */
    const char *form;  /* of names, with the number */
    size_t first, count;
    int64_t until_ms;
    bool joins; /* they have users in a room, too */
} filling;

static myl_rc put_one(myl_ctx *job, const filling *f, size_t number)
{
    fed_listed_key key = {.key_id = MYL_S("ed25519:a")};
    fed_key_list list = {.keys = &key, .count = 1, .listed_until_ms = f->until_ms};
    char name[64];

    snprintf(name, sizeof(name), f->form, number);
    list.server = myl_str_of(name);
    key.key.valid_until_ms = f->until_ms;
    MYL_TRY(myl_fed_key_list_put(job, &list, MYL_S("{}")));
    if (f->joins) {
        myl_key by_server, room = myl_key_of_u64(1);
        uint64_t server;

        MYL_TRY(myl_store_intern(job, MYL_INTERN_SERVER, list.server, &server));
        by_server = myl_key_of_u64(server);
        MYL_TRY(myl_store_add(job, MYL_TABLE_SERVER_ROOMS, myl_key_str(&by_server),
                              myl_key_str(&room)));
    }
    return MYL_OK;
}

static myl_rc fill_run(myl_change *change)
{
    const filling *f = (const filling *)change;

    for (size_t i = 0; i < f->count; i++)
        MYL_TRY(put_one(change->cx, f, f->first + i));
    return MYL_OK;
}

static void fill(const char *form, size_t count, int64_t until_ms, bool joins)
{
    for (size_t first = 0; first < count; first += AT_ONCE) {
        size_t here = count - first < AT_ONCE ? count - first : AT_ONCE;
        myl_ctx job;
        filling f = {.form = form, .first = first, .count = here, .until_ms = until_ms};

        myl_ctx_begin(&job);
        f.joins = joins;
        f.change = (myl_change){.name = "fill", .cx = &job, .run = fill_run};
        assert_int_equal(myl_engine_run(engine, &f.change), MYL_OK);
        myl_ctx_end(&job);
    }
}

/* ---- what is there ---- */

static size_t kept(const char *form, size_t count)
{
    size_t found = 0;

    assert_int_equal(myl_snapshot_open(&cx, store), MYL_OK);
    for (size_t i = 0; i < count; i++) {
        myl_fed_key key;
        char name[64];
        bool there;

        snprintf(name, sizeof(name), form, i);
        assert_int_equal(myl_fed_key_row(&cx, myl_str_of(name), MYL_S("ed25519:a"), &key, &there),
                         MYL_OK);
        found += there;
    }
    myl_snapshot_close(&cx);
    return found;
}

static uint64_t counted(void)
{
    uint64_t count;

    assert_int_equal(myl_snapshot_open(&cx, store), MYL_OK);
    assert_int_equal(myl_fed_key_list_count(&cx, &count), MYL_OK);
    myl_snapshot_close(&cx);
    return count;
}

static int64_t now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* Strangers whose keys never end drive out one another, and none that rooms need, however old and ended those are. */
static void strangers_drive_out_strangers(void **state)
{
    int64_t begun, free_us, full_us;
    size_t left;

    (void)state;
    fill("needed%zu.test", NEEDED, 1, true);
    begun = now_us();
    fill("early%zu.test", STRANGERS - NEEDED, INT64_MAX / 2, false);
    free_us = (now_us() - begun) / (STRANGERS - NEEDED);
    assert_int_equal(counted(), MYL_LIMIT_FED_KEY_SERVERS);
    myl_clock_advance(DAY);
    begun = now_us();
    fill("late%zu.test", LATE, 1, false);
    full_us = (now_us() - begun) / LATE;
    assert_int_equal(counted(), MYL_LIMIT_FED_KEY_SERVERS);
    assert_int_equal(kept("needed%zu.test", NEEDED), NEEDED);
    left = kept("late%zu.test", LATE);
    assert_int_equal(kept("early%zu.test", STRANGERS - NEEDED) + left,
                     MYL_LIMIT_FED_KEY_SERVERS - NEEDED);
    assert_true(left > LATE * 9 / 10); /* who was not seen for long goes first */
    print_message("a server more: %lld us, with eviction %lld us of CPU\n", (long long)free_us,
                  (long long)full_us);
    assert_true(full_us < 50 * (free_us + 20));
    /* known ones that come again drive out nobody */
    fill("needed%zu.test", NEEDED, DAY, true);
    assert_int_equal(counted(), MYL_LIMIT_FED_KEY_SERVERS);
}

/* ---- one server ---- */

static myl_rc put_many(myl_change *change)
{
    filling *f = (filling *)change;
    fed_listed_key keys[MYL_LIMIT_FED_SERVER_KEYS];
    fed_key_list list = {.server = MYL_S("many.test"),
                         .keys = keys,
                         .count = MYL_LIMIT_FED_SERVER_KEYS};

    for (size_t i = 0; i < list.count; i++) {
        memset(&keys[i], 0, sizeof(keys[i]));
        keys[i].key_id = myl_strf(change->cx, "ed25519:%zu", f->first + i);
        keys[i].key.valid_until_ms = (int64_t)(f->first + i + 1);
    }
    return myl_fed_key_list_put(change->cx, &list, MYL_S("{}"));
}

static bool has_key(size_t number)
{
    myl_fed_key key;
    bool there;

    assert_int_equal(myl_snapshot_open(&cx, store), MYL_OK);
    assert_int_equal(myl_fed_key_row(&cx, MYL_S("many.test"), myl_strf(&cx, "ed25519:%zu", number),
                                     &key, &there),
                     MYL_OK);
    myl_snapshot_close(&cx);
    return there;
}

/* A server that shows other keys each time keeps the last ones. */
static void one_server_has_so_many_keys(void **state)
{
    size_t all = 10 * (size_t)MYL_LIMIT_FED_SERVER_KEYS;

    (void)state;
    for (size_t first = 0; first < all; first += MYL_LIMIT_FED_SERVER_KEYS) {
        filling f = {.first = first};
        myl_ctx job;

        myl_ctx_begin(&job);
        f.change = (myl_change){.name = "many", .cx = &job, .run = put_many};
        assert_int_equal(myl_engine_run(engine, &f.change), MYL_OK);
        myl_ctx_end(&job);
    }
    for (size_t i = 0; i < all; i++)
        assert_int_equal(has_key(i), i >= all - MYL_LIMIT_FED_KEYS_OF_SERVER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(strangers_drive_out_strangers, start, stop),
        cmocka_unit_test_setup_teardown(one_server_has_so_many_keys, start, stop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
