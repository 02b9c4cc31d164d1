/* test_lists.c: items cut out of an answer that comes in pieces, wherever the pieces end.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/base_test.h"

#include "fed/rooms_own.h"

/* What was cut out: "0:…|1:…|2:…|". */
static void note(void *arg, int which, myl_str text)
{
    myl_text_addf(arg, "%d:%.*s|", which, MYL_FMT(text));
}

typedef struct {
    const char *name, *json;
    bool good, whole;
    const char *want;
} row;

static const row rows[] = {
    {"both lists and the object",
     "{\"state\":[{\"a\":1},{\"b\":2}],\"event\":{\"c\":[3]},\"auth_chain\":[{}]}", true, true,
     "0:{\"a\":1}|0:{\"b\":2}|2:{\"c\":[3]}|1:{}|"},
    {"blanks everywhere", " { \"state\" : [ { \"a\" : 1 } , {} ] , \"x\" : null } ", true, true,
     "0:{ \"a\" : 1 }|0:{}|"},
    {"brackets in strings", "{\"state\":[{\"a\":\"]}\\\"}\"},{\"b\":\"\\\\\"}]}", true, true,
     "0:{\"a\":\"]}\\\"}\"}|0:{\"b\":\"\\\\\"}|"},
    {"not deeper", "{\"x\":{\"state\":[{}]},\"y\":[{\"state\":[{}]}],\"state\":[]}", true, true,
     ""},
    {"values of all kinds before it",
     "{\"a\":1,\"b\":-2.5e3,\"c\":true,\"d\":\"x,}\",\"state\":[{}]}", true, true, "0:{}|"},
    {"bare values in a list", "{\"state\":[1 ,true,\"x\"]}", true, true, "0:1|0:true|0:\"x\"|"},
    {"the older form", "[200, {\"state\":[{}]}]", true, true, "0:{}|"},
    {"a list that is none", "{\"state\":{},\"event\":[]}", true, true, ""},
    {"a key with a quote in it", "{\"st\\\"ate\":[{}],\"state\":[{\"a\":1}]}", true, true,
     "0:{\"a\":1}|"},
    {"a long key", "{\"statestatestatestatestatestatestatestate\":[{}]}", true, true, ""},
    {"cut in a list", "{\"state\":[{\"a\":1},{\"b\"", true, false, "0:{\"a\":1}|"},
    {"cut behind a list", "{\"state\":[{}]", true, false, "0:{}|"},
    {"nothing", "", true, false, ""},
    {"a comma missing", "{\"state\":[{} {}]}", false, false, "0:{}|"},
    {"no colon", "{\"state\" [{}]}", false, false, ""},
    {"text", "<html>", false, false, ""},
    {"no object", "\"state\"", false, false, ""},
    {"behind the end", "{\"state\":[]}{\"state\":[{}]}", true, true, ""},
};

static void take_in_pieces(const row *of, size_t size)
{
    fed_lists lists = {.arrays = {"state", "auth_chain"}, .object = "event", .take = note};
    myl_str json = myl_str_of(of->json);
    bool good = true;
    myl_text got;
    myl_ctx cx;

    myl_ctx_begin(&cx);
    got = MYL_TEXT(&cx);
    lists.arg = &got;
    myl_fed_lists_start(&lists);
    for (size_t at = 0; at < json.len && good; at += size)
        good = myl_fed_lists_take(&lists, myl_str_slice(json, at, size));
    assert_number(of->name, good, of->good);
    assert_number(of->name, myl_fed_lists_are_whole(&lists), of->whole);
    assert_str(of->name, myl_text_str(&got), myl_str_of(of->want));
    myl_fed_lists_end(&lists);
    myl_ctx_end(&cx);
}

static void items_come_out(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        for (size_t size = 1; size < 80; size++)
            take_in_pieces(&rows[i], size);
}

/* One that is too long is passed over, and takes no room. */
static void long_items_are_passed_over(void **state)
{
    fed_lists lists = {.arrays = {"state", "auth_chain"}, .take = note};
    char x[1024];
    myl_text got;
    myl_ctx cx;

    (void)state;
    myl_ctx_begin(&cx);
    got = MYL_TEXT(&cx);
    lists.arg = &got;
    memset(x, 'x', sizeof(x));
    myl_fed_lists_start(&lists);
    assert_true(myl_fed_lists_take(&lists, MYL_S("{\"state\":[{\"a\":1},{\"b\":\"")));
    for (size_t i = 0; i < 4 * (size_t)MYL_LIMIT_PDU_TEXT_BYTES; i += sizeof(x))
        assert_true(myl_fed_lists_take(&lists, (myl_str){x, sizeof(x)}));
    assert_true(lists.carry_room <= 2 * (size_t)MYL_LIMIT_PDU_TEXT_BYTES);
    assert_true(myl_fed_lists_take(&lists, MYL_S("\"},{\"c\":3}]}")));
    assert_true(myl_fed_lists_are_whole(&lists));
    assert_str("what is left", myl_text_str(&got), MYL_S("0:{\"a\":1}|0:{\"c\":3}|"));
    myl_fed_lists_end(&lists);
    myl_ctx_end(&cx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(items_come_out),
        cmocka_unit_test(long_items_are_passed_over),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
