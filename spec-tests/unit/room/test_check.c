/* test_check.c: `myelin check` finds nothing in a sound store, and each kind of damage that is done to one.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "room/room_test.h"

#include <stdio.h>

#include <myelin/room_check.h>
#include <myelin/user_check.h>
#include <myelin/user_keys.h>

/* ---- running the checks ---- */

typedef struct {
    myl_check check;
    char words[4096];
} checked;

static void hear(void *arg, myl_str line)
{
    checked *c = arg;
    size_t len = strlen(c->words);

    snprintf(c->words + len, sizeof(c->words) - len, "%.*s\n", MYL_FMT(line));
}

static myl_rc run_checks(myl_ctx *cx, void *arg)
{
    checked *c = arg;

    c->check = (myl_check){.say = hear, .arg = c};
    myl_check_run(cx, myl_store_checks, &c->check);
    myl_check_run(cx, myl_user_checks, &c->check);
    myl_check_run(cx, myl_room_checks, &c->check);
    return MYL_OK;
}

static void check_all(room_test *test, checked *c)
{
    memset(c, 0, sizeof(*c));
    myl_room_check_key(MYL_S("example.org"), myl_signing_key_id(test->key),
                       (myl_str){(const char *)myl_signing_key_public(test->key), 32});
    assert_int_equal(room_test_read(test, run_checks, c), MYL_OK);
}

/* ---- a store with a bit of everything ---- */

static myl_rc keep_data(myl_ctx *cx, void *arg)
{
    const myl_caller *caller = arg;
    const myl_json *keys;

    MYL_TRY(myl_user_data_put(cx, caller->user, 0, MYL_S("org.example"), myl_json_empty_object()));
    MYL_TRY(myl_json_parse(cx, MYL_S("{\"a:1\":\"k\"}"), &keys));
    return myl_user_one_time_keys_put(cx, caller, keys, false);
}

typedef struct {
    uint64_t room;
    myl_str room_id, event_id;
    uint64_t user;
} receipt_arg;

static myl_rc put_receipt(myl_ctx *cx, void *arg)
{
    receipt_arg *r = arg;
    myl_receipt receipt = {.user = r->user, .type = MYL_S("m.read"), .event_id = r->event_id};
    myl_room_head head;

    MYL_TRY(myl_room_require(cx, r->room_id, &head));
    r->room = head.room;
    return myl_room_receipt_put(cx, head.room, &receipt);
}

static room_test *lived_in(myl_str *room_id)
{
    room_test *test = room_test_start();
    myl_caller alice = room_test_user(test, "alice"), bob = room_test_user(test, "bob");
    receipt_arg arg = {.user = alice.user};

    arg.room_id = *room_id = room_test_room(test, &alice, "public_chat", "12");
    assert_int_equal(room_test_member(test, *room_id, &bob, &bob, MYL_MEMBER_JOIN), MYL_OK);
    arg.event_id = room_test_say(test, *room_id, &bob, "hello");
    assert_int_equal(room_test_run(test, put_receipt, &arg, NULL), MYL_OK);
    assert_int_equal(room_test_run(test, keep_data, &alice, NULL), MYL_OK);
    return test;
}

static void a_sound_store_has_nothing_wrong(void **state)
{
    myl_str room_id;
    room_test *test = lived_in(&room_id);
    checked c;

    (void)state;
    check_all(test, &c);
    if (c.check.wrong != 0)
        fail_msg("wrong in a sound store:\n%s", c.words);
    assert_true(c.check.rows > 50);
    room_test_end(test);
}

/* ---- damage ---- */

/* Changes the last row of a table: takes it away, or flips a byte of its value. */
typedef struct {
    const char *name;
    myl_table_id table;
    bool remove;
    size_t flip; /* from the end of the value */
    const char *said;
} damage;

static myl_rc do_damage(myl_ctx *cx, void *arg)
{
    const damage *d = arg;
    myl_scan *scan;
    myl_str key, value;
    char *bytes;

    MYL_TRY(myl_scan_start(cx, d->table, MYL_ABSENT, MYL_ABSENT, MYL_BACKWARD, &scan));
    MYL_TRY(myl_scan_next(scan, &key, &value));
    assert_true(myl_str_present(key));
    key = myl_keep(cx, key);
    bytes = myl_cstr(cx, value);
    myl_scan_end(scan);
    if (d->remove)
        return myl_store_delete(cx, d->table, key);
    bytes[value.len - 1 - d->flip] = (char)(bytes[value.len - 1 - d->flip] ^ 1);
    return myl_store_put(cx, d->table, key, (myl_str){bytes, value.len});
}

static const damage damages[] = {
    {"a lost event id", MYL_TABLE_EVENT_IDS, true, 0, "is not found by its id"},
    {"a changed event", MYL_TABLE_EVENTS, false, 40, ""},
    {"a changed room head", MYL_TABLE_ROOM_HEADS, false, 0, "no event"},
    {"a lost arrival order", MYL_TABLE_ROOM_ARRIVAL, true, 0, "arrival order"},
    {"a lost reading order", MYL_TABLE_ROOM_READING, true, 0, "reading order"},
    {"a lost log row", MYL_TABLE_ROOM_LOG, true, 0, ""},
    {"a lost member", MYL_TABLE_ROOM_MEMBERS, true, 0, "differ"},
    {"a lost joined list", MYL_TABLE_ROOM_JOINED, true, 0, "ROOM_JOINED is wrong"},
    {"a lost receipt row", MYL_TABLE_RECEIPT_LOG, true, 0, "receipt"},
    {"a lost account", MYL_TABLE_ACCOUNTS, true, 0, "accounts are counted"},
    {"a lost token", MYL_TABLE_TOKENS, true, 0, "has no token"},
    {"a lost device", MYL_TABLE_DEVICES, true, 0, "names no device"},
    {"a lost device id", MYL_TABLE_DEVICE_IDS, true, 0, "is not found by its id"},
    {"changed account data", MYL_TABLE_ACCOUNT_DATA, false, 0, "is no JSON"},
    {"a lost one-time key", MYL_TABLE_ONE_TIME_KEYS, true, 0, "names no key"},
    {"a lost tree node", MYL_TABLE_NODES, true, 0, ""},
    {"a lost string", MYL_TABLE_INTERN_TEXT, true, 0, ""},
};

static void each_damage_is_found(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(damages) / sizeof(damages[0]); i++) {
        myl_str room_id;
        room_test *test = lived_in(&room_id);
        damage d = damages[i];
        checked c;

        assert_int_equal(room_test_run(test, do_damage, &d, NULL), MYL_OK);
        check_all(test, &c);
        if (c.check.wrong == 0)
            fail_msg("%s: nothing was found", d.name);
        if (strstr(c.words, d.said) == NULL)
            fail_msg("%s: wanted \"%s\" in\n%s", d.name, d.said, c.words);
        room_test_end(test);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sound_store_has_nothing_wrong),
        cmocka_unit_test(each_damage_is_found),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
