/* test_sliding_conn.c: what a connection of sliding sync remembers, when it moves on, and when it is dropped.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "sync/sliding_own.h"

static uint64_t number_of(uint64_t user, const char *conn_id)
{
    sliding_name name = {.user = user, .device = 1, .conn_id = myl_str_of(conn_id)};
    myl_sliding_connection *connection = myl_sliding_take(&name);
    uint64_t number = connection->number;

    myl_sliding_give_back(connection);
    return number;
}

static void names_are_apart(void **state)
{
    uint64_t one = number_of(1, "a");

    MYL_UNUSED(state);
    assert_int_equal(number_of(1, "a"), one);
    assert_int_not_equal(number_of(1, "b"), one);
    assert_int_not_equal(number_of(1, ""), one);
    assert_int_not_equal(number_of(2, "a"), one);
    myl_sliding_stop();
}

/* A place in the table is never taken by another name's memory: the number says so. */
static void the_least_recently_used_go(void **state)
{
    uint64_t first = number_of(1, "first"), kept = number_of(1, "kept");
    char name[32];

    MYL_UNUSED(state);
    for (int i = 0; i < MYL_LIMIT_SLIDING_CONNECTIONS; i++) {
        snprintf(name, sizeof(name), "%d", i);
        number_of(2 + (uint64_t)i, name);
        if (i % 1000 == 0)
            assert_int_equal(number_of(1, "kept"), kept);
    }
    assert_int_equal(number_of(1, "kept"), kept);
    assert_int_not_equal(number_of(1, "first"), first);
    myl_sliding_stop();
}

static void a_device_drives_out_only_its_own(void **state)
{
    uint64_t other = number_of(1, "other"), first, last = 0;
    char name[32];

    MYL_UNUSED(state);
    first = number_of(2, "first");
    for (int i = 0; i < MYL_LIMIT_SLIDING_DEVICE - 1; i++) {
        snprintf(name, sizeof(name), "%d", i);
        last = number_of(2, name);
    }
    assert_int_equal(number_of(2, "first"), first); /* used again: "0" is the oldest now */
    number_of(2, "one more");
    assert_int_equal(number_of(2, "first"), first);
    snprintf(name, sizeof(name), "%d", MYL_LIMIT_SLIDING_DEVICE - 2);
    assert_int_equal(number_of(2, name), last);
    assert_true(number_of(2, "0") > last); /* begun anew */
    assert_int_equal(number_of(1, "other"), other);
    myl_sliding_stop();
}

static void give(myl_ctx *cx, myl_sliding_connection *connection, uint64_t room, uint64_t position)
{
    myl_list sent = MYL_LIST(cx, sliding_sent), members = MYL_LIST(cx, uint64_t);

    myl_list_push(&sent, sliding_sent, ((sliding_sent){.room = room, .position = position}));
    connection->given = (connection->given > connection->acknowledged ? connection->given
                                                                      : connection->acknowledged) +
                        1;
    connection->after.durable = position;
    myl_sliding_set_pending(connection, &sent, &members);
}

static void an_answer_counts_when_it_was_received(void **state)
{
    sliding_name name = {.user = 1, .device = 1, .conn_id = MYL_S("x")};
    myl_sliding_connection *connection = myl_sliding_take(&name);
    myl_ctx cx;

    MYL_UNUSED(state);
    myl_ctx_begin(&cx);
    give(&cx, connection, 7, 100);
    assert_null(myl_sliding_sent_of(connection, 7));
    give(&cx, connection, 8, 110); /* the first was lost: it never counts */
    myl_sliding_acknowledge(connection);
    assert_null(myl_sliding_sent_of(connection, 7));
    assert_int_equal(myl_sliding_sent_of(connection, 8)->position, 110);
    assert_int_equal(connection->before.durable, 110);
    give(&cx, connection, 8, 120);
    assert_int_equal(myl_sliding_sent_of(connection, 8)->position, 110);
    myl_sliding_acknowledge(connection);
    myl_sliding_acknowledge(connection); /* the same position asked twice */
    assert_int_equal(myl_sliding_sent_of(connection, 8)->position, 120);
    myl_sliding_begin(connection);
    assert_null(myl_sliding_sent_of(connection, 8));
    assert_int_equal(connection->before.durable, 0);
    myl_ctx_end(&cx);
    myl_sliding_give_back(connection);
    myl_sliding_stop();
}

static void required_states_have_numbers(void **state)
{
    sliding_name name = {.user = 1, .device = 1, .conn_id = MYL_S("x")};
    myl_sliding_connection *connection = myl_sliding_take(&name);
    char bytes[16];

    MYL_UNUSED(state);
    for (int i = 0; i < MYL_LIMIT_SLIDING_CONFIGS; i++) {
        snprintf(bytes, sizeof(bytes), "%d", i);
        assert_int_equal(myl_sliding_config_number(connection, myl_str_of(bytes)), i);
    }
    assert_int_equal(myl_sliding_config_number(connection, MYL_S("3")), 3);
    assert_int_equal(myl_sliding_config_number(connection, MYL_S("one more")), UINT16_MAX);
    myl_sliding_give_back(connection);
    myl_sliding_stop();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_apart),
        cmocka_unit_test(the_least_recently_used_go),
        cmocka_unit_test(a_device_drives_out_only_its_own),
        cmocka_unit_test(an_answer_counts_when_it_was_received),
        cmocka_unit_test(required_states_have_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
