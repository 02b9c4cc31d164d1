/* test_writer.c: replies written front to back.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "json/json_test.h"

#include <myelin/json_writer.h>

static void everything(void **state)
{
    MYL_UNUSED(state);
    myl_ctx cx;
    myl_ctx_begin(&cx);
    const myl_json *tree = json_test_parse(&cx, MYL_S("{\"b\":1,\"a\":[]}"));
    myl_writer w = myl_write_start(&cx, 16);
    myl_write_open(&w, '{');
    myl_write_str(&w, "absent", MYL_ABSENT);
    myl_write_str(&w, "text", MYL_S("a\"b"));
    myl_write_int(&w, "int", -5);
    myl_write_bool(&w, "yes", true);
    myl_write_null(&w, "null");
    myl_write_open_key(&w, "list", '[');
    myl_write_str(&w, NULL, MYL_S("x"));
    myl_write_open(&w, '{');
    myl_write_close(&w, '}');
    myl_write_open(&w, '[');
    myl_write_close(&w, ']');
    myl_write_json(&w, NULL, tree);
    myl_write_raw(&w, NULL, MYL_S("{\"raw\":1}"));
    myl_write_close(&w, ']');
    myl_write_open_str(&w, MYL_S("k\n"), '{');
    myl_write_member(&w, MYL_S("@a:x"), MYL_S("[1]"));
    myl_write_member_int(&w, MYL_S("\x01"), 2);
    myl_write_close(&w, '}');
    myl_write_raw(&w, "last", MYL_S("0"));
    myl_write_close(&w, '}');
    myl_str body = myl_write_done(&w);
    assert_str(
        "reply", body,
        MYL_S("{\"text\":\"a\\\"b\",\"int\":-5,\"yes\":true,\"null\":null,\"list\":[\"x\",{},[],"
              "{\"a\":[],\"b\":1},{\"raw\":1}],\"k\\n\":{\"@a:x\":[1],\"\\u0001\":2},\"last\":0}"));
    json_test_parse(&cx, body);
    myl_ctx_end(&cx);
}

static void scalars_at_the_top(void **state)
{
    MYL_UNUSED(state);
    myl_ctx cx;
    myl_ctx_begin(&cx);
    myl_writer w = myl_write_start(&cx, 0);
    myl_write_int(&w, NULL, INT64_MAX);
    assert_str("number", myl_write_done(&w), MYL_S("9223372036854775807"));
    w = myl_write_start(&cx, 0);
    myl_write_open(&w, '[');
    for (int i = 0; i < 1000; i++)
        myl_write_int(&w, NULL, i % 10);
    myl_write_close(&w, ']');
    assert_int_equal(myl_write_done(&w).len, 2001);
    myl_ctx_end(&cx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything),
        cmocka_unit_test(scalars_at_the_top),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
