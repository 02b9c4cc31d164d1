/* test_key.c: keys sort as their parts do, and are cut as they were built.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "store/store_test.h"

#include <myelin/crypto_sign.h>

static void integers_sort_as_bytes(void **state)
{
    MYL_UNUSED(state);
    static const int64_t rising[] = {INT64_MIN, -4294967297, -1,         0,        1,
                                     255,       256,         4294967296, INT64_MAX};
    for (size_t i = 1; i < sizeof(rising) / sizeof(rising[0]); i++) {
        myl_key low = myl_key_start();
        myl_key high = myl_key_start();
        myl_key_i64(&low, rising[i - 1]);
        myl_key_i64(&high, rising[i]);
        assert_true(myl_str_compare(myl_key_str(&low), myl_key_str(&high)) < 0);
    }
    myl_key small = myl_key_of_u64(255);
    myl_key large = myl_key_of_u64(256);
    assert_true(myl_str_compare(myl_key_str(&small), myl_key_str(&large)) < 0);
}

static void parts_come_back(void **state)
{
    MYL_UNUSED(state);
    myl_key key = myl_key_start();
    myl_key_u8(&key, 7);
    myl_key_u32(&key, 0xdeadbeef);
    myl_key_u64(&key, UINT64_C(0x0123456789abcdef));
    myl_key_i64(&key, -5);
    myl_key_bytes(&key, "tail", 4);
    assert_int_equal(key.len, 1 + 4 + 8 + 8 + 4);
    assert_memory_equal(key.bytes + 1, "\xde\xad\xbe\xef", 4);

    myl_str rest = myl_key_str(&key);
    uint8_t u8;
    uint32_t u32;
    uint64_t u64;
    int64_t i64;
    myl_str tail;
    assert_true(myl_cut_u8(&rest, &u8));
    assert_true(myl_cut_u32(&rest, &u32));
    assert_true(myl_cut_u64(&rest, &u64));
    assert_true(myl_cut_i64(&rest, &i64));
    assert_true(myl_cut_bytes(&rest, 4, &tail));
    assert_int_equal(u8, 7);
    assert_int_equal(u32, 0xdeadbeef);
    assert_true(u64 == UINT64_C(0x0123456789abcdef));
    assert_true(i64 == -5);
    assert_true(myl_str_equal(tail, MYL_S("tail")));
    assert_int_equal(rest.len, 0);
}

static void a_short_rest_is_refused_and_kept(void **state)
{
    MYL_UNUSED(state);
    myl_str rest = MYL_S("\1\2\3");
    uint32_t u32;
    uint64_t u64;
    int64_t i64;
    myl_str cut;
    assert_false(myl_cut_u32(&rest, &u32));
    assert_false(myl_cut_u64(&rest, &u64));
    assert_false(myl_cut_i64(&rest, &i64));
    assert_false(myl_cut_bytes(&rest, 4, &cut));
    assert_int_equal(rest.len, 3);
    rest.len = 0;
    uint8_t u8;
    assert_false(myl_cut_u8(&rest, &u8));
}

static void rows_come_back_and_short_ones_are_refused(void **state)
{
    MYL_UNUSED(state);
    myl_ctx cx;
    myl_ctx_begin(&cx);
    myl_text row = MYL_TEXT(&cx);
    myl_row_u8(&row, 200);
    myl_row_u16(&row, 0xabcd);
    myl_row_u32(&row, 0x01020304);
    myl_row_u64(&row, UINT64_MAX - 1);
    myl_row_str(&row, MYL_S("text"));
    myl_row_str(&row, MYL_ABSENT);
    myl_str whole = myl_text_str(&row);
    assert_int_equal(whole.len, 1 + 2 + 4 + 8 + 8 + 4);
    for (size_t len = 0; len <= whole.len; len++) {
        myl_str rest = {whole.at, len};
        uint8_t u8 = 0;
        uint16_t u16 = 0;
        uint32_t u32 = 0;
        uint64_t u64 = 0;
        myl_str text = MYL_ABSENT;
        myl_str empty = MYL_ABSENT;
        bool good = myl_cut_u8(&rest, &u8) && myl_cut_u16(&rest, &u16) &&
                    myl_cut_u32(&rest, &u32) && myl_cut_u64(&rest, &u64) &&
                    myl_cut_str(&rest, &text) && myl_cut_str(&rest, &empty);
        assert_int_equal(good, len == whole.len);
        if (!good)
            continue;
        assert_int_equal(u8, 200);
        assert_int_equal(u16, 0xabcd);
        assert_int_equal(u32, 0x01020304);
        assert_true(u64 == UINT64_MAX - 1);
        assert_true(myl_str_equal(text, MYL_S("text")));
        assert_int_equal(empty.len, 0);
        assert_int_equal(rest.len, 0);
    }
    myl_ctx_end(&cx);
}

static void several_numbers_in_one_key(void **state)
{
    MYL_UNUSED(state);
    myl_key three = myl_key_of_u64s3(1, 2, 3);
    myl_key two = myl_key_of_u64s(1, 2);
    assert_int_equal(three.len, 24);
    assert_int_equal(two.len, 16);
    assert_true(myl_str_starts(myl_key_str(&three), myl_key_str(&two)));
}

static void a_hash_is_the_front_of_sha256(void **state)
{
    MYL_UNUSED(state);
    myl_key key = myl_key_start();
    myl_key_hash(&key, MYL_S("abc"));
    assert_int_equal(key.len, 16);
    assert_memory_equal(key.bytes,
                        "\xba\x78\x16\xbf\x8f\x01\xcf\xea\x41\x41\x40\xde\x5d\xae\x22\x23", 16);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_sort_as_bytes),
        cmocka_unit_test(parts_come_back),
        cmocka_unit_test(a_short_rest_is_refused_and_kept),
        cmocka_unit_test(rows_come_back_and_short_ones_are_refused),
        cmocka_unit_test(several_numbers_in_one_key),
        cmocka_unit_test(a_hash_is_the_front_of_sha256),
    };
    myl_crypto_start();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
