/* test_ctx.c: the job: pieces, marks, the first error.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base_test.h"

#include <myelin/base_list.h>

static void pieces_are_zeroed_and_apart(void **state)
{
    MYL_UNUSED(state);
    myl_ctx cx;
    myl_ctx_begin(&cx);
    assert_int_equal(myl_ctx_bytes(&cx), 0);
    uint8_t *pieces[300];
    for (size_t i = 0; i < 300; i++) {
        size_t bytes = i * i; /* from none to larger than any block */
        pieces[i] = myl_alloc(&cx, bytes);
        assert_non_null(pieces[i]);
        assert_int_equal((uintptr_t)pieces[i] % _Alignof(max_align_t), 0);
        for (size_t at = 0; at < bytes; at++)
            assert_int_equal(pieces[i][at], 0);
        memset(pieces[i], (int)i, bytes);
    }
    for (size_t i = 1; i < 300; i++) {
        assert_int_equal(pieces[i][0], (uint8_t)i);
        assert_int_equal(pieces[i][i * i - 1], (uint8_t)i);
    }
    assert_true(myl_ctx_bytes(&cx) >= 299 * 300 / 2);
    myl_ctx_end(&cx);
    assert_int_equal(myl_ctx_bytes(&cx), 0);
}

static void marks_give_back(void **state)
{
    MYL_UNUSED(state);
    myl_ctx cx;
    myl_ctx_begin(&cx);
    myl_mark start = myl_ctx_mark(&cx);
    char *kept = myl_cstr(&cx, MYL_S("kept"));
    size_t bytes = myl_ctx_bytes(&cx);
    myl_mark outer = myl_ctx_mark(&cx);
    myl_alloc(&cx, 100);
    size_t outer_bytes = myl_ctx_bytes(&cx);
    myl_mark inner = myl_ctx_mark(&cx);
    for (int i = 0; i < 200; i++)
        myl_alloc(&cx, 1000);
    myl_ctx_release(&cx, inner);
    assert_int_equal(myl_ctx_bytes(&cx), outer_bytes);
    myl_alloc(&cx, 200000);
    myl_ctx_release(&cx, outer);
    assert_int_equal(myl_ctx_bytes(&cx), bytes);
    assert_string_equal(kept, "kept");
    myl_ctx_release(&cx, start);
    assert_int_equal(myl_ctx_bytes(&cx), 0);
    myl_ctx_end(&cx);
}

static void reset_starts_anew(void **state)
{
    MYL_UNUSED(state);
    myl_ctx cx;
    myl_ctx_begin(&cx);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 100; i++)
            myl_alloc(&cx, 5000);
        assert_int_equal(myl_fail(&cx, MYL_NOT_FOUND, "round %d", round), MYL_NOT_FOUND);
        myl_ctx_reset(&cx);
        assert_int_equal(myl_ctx_bytes(&cx), 0);
        assert_int_equal(cx.error.rc, MYL_OK);
    }
    myl_ctx_end(&cx);
}

static void first_error_stays(void **state)
{
    MYL_UNUSED(state);
    myl_ctx cx;
    myl_ctx_begin(&cx);
    myl_mark mark = myl_ctx_mark(&cx);
    assert_int_equal(myl_fail(&cx, MYL_NOT_JOINED, "%s is not here", "bob"), MYL_NOT_JOINED);
    int line = __LINE__ - 1;
    assert_int_equal(myl_fail(&cx, MYL_INTERNAL, "later"), MYL_INTERNAL);
    cx.error.members = myl_keep(&cx, MYL_S("\"k\":1"));
    myl_ctx_release(&cx, mark); /* the words were made behind the mark and stay */
    assert_int_equal(cx.error.rc, MYL_NOT_JOINED);
    assert_str("detail", cx.error.detail, MYL_S("bob is not here"));
    assert_str("members", cx.error.members, MYL_S("\"k\":1"));
    assert_int_equal(cx.error.line, line);
    assert_true(myl_str_ends(myl_str_of(cx.error.file), MYL_S("test_ctx.c")));
    myl_forgive(&cx);
    assert_int_equal(cx.error.rc, MYL_OK);
    assert_int_equal(myl_fail(&cx, MYL_BUSY, "new"), MYL_BUSY);
    assert_str("after forgiving", cx.error.detail, MYL_S("new"));
    myl_ctx_end(&cx);
}

static void copies(void **state)
{
    MYL_UNUSED(state);
    myl_ctx cx;
    myl_ctx_begin(&cx);
    char foreign[] = "text";
    myl_str kept = myl_keep(&cx, (myl_str){foreign, 4});
    foreign[0] = 'n';
    assert_string_equal(kept.at, "text");
    assert_false(myl_str_present(myl_keep(&cx, MYL_ABSENT)));
    assert_true(myl_str_present(myl_keep(&cx, MYL_S(""))));
    assert_null(myl_cstr(&cx, MYL_ABSENT));
    assert_str("formatted", myl_strf(&cx, "%.*s-%d", MYL_FMT(kept), 7), MYL_S("text-7"));
    myl_str long_text = myl_strf(&cx, "%0500d", 1);
    assert_int_equal(long_text.len, 500);
    myl_ctx_end(&cx);
}

static myl_rc refuses(myl_ctx *cx, bool refuse)
{
    MYL_TRY(refuse ? myl_fail(cx, MYL_FORBIDDEN, "no") : MYL_OK);
    return MYL_OK;
}

static void error_rows(void **state)
{
    MYL_UNUSED(state);
    myl_ctx cx;
    myl_ctx_begin(&cx);
    assert_int_equal(refuses(&cx, false), MYL_OK);
    assert_int_equal(refuses(&cx, true), MYL_FORBIDDEN);
    const myl_error_row *row = myl_error_of(MYL_NOT_JOINED);
    assert_string_equal(row->name, "NOT_JOINED");
    assert_string_equal(row->errcode, "M_FORBIDDEN");
    assert_int_equal(row->status, 403);
    assert_int_equal(row->kind, MYL_KIND_CLIENT);
    for (int rc = MYL_OK + 1; rc < MYL_ERROR_COUNT; rc++) {
        row = myl_error_of((myl_rc)rc);
        assert_true(row->status >= 400 && row->status < 600);
        assert_non_null(strstr(row->errcode, "M_")); /* proposals put their own prefix before it */
    }
    myl_ctx_end(&cx);
}

static int by_tens(const void *a, const void *b)
{
    return *(const int *)a / 10 - *(const int *)b / 10;
}

static void lists(void **state)
{
    MYL_UNUSED(state);
    myl_ctx cx;
    myl_ctx_begin(&cx);
    myl_list list = MYL_LIST(&cx, int);
    myl_list_sort(&list, by_tens);
    for (int i = 0; i < 1000; i++)
        myl_list_push(&list, int, (i * 7919) % 1000);
    assert_int_equal(list.count, 1000);
    assert_int_equal(myl_list_get(&list, int, 1), 919);
    myl_list before = MYL_LIST(&cx, int);
    for (size_t i = 0; i < list.count; i++)
        myl_list_push(&before, int, myl_list_get(&list, int, i));
    myl_list_sort(&list, by_tens);
    int places[1000];
    for (size_t i = 0; i < 1000; i++)
        places[myl_list_get(&before, int, i)] = (int)i;
    for (size_t i = 1; i < list.count; i++) {
        int left = myl_list_get(&list, int, i - 1), right = myl_list_get(&list, int, i);
        assert_true(left / 10 <= right / 10);
        if (left / 10 == right / 10)
            assert_true(places[left] < places[right]); /* equal ones keep their order */
    }
    assert_int_equal(*(int *)myl_list_add(&list), 0);
    myl_ctx_end(&cx);
}

static void maps(void **state)
{
    MYL_UNUSED(state);
    myl_ctx cx;
    myl_ctx_begin(&cx);
    myl_map *map = myl_map_start(&cx, 0);
    static int values[500];
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 500; i++) {
            void **slot = myl_map_slot(map, myl_strf(&cx, "key %d", i));
            assert_ptr_equal(*slot, round == 0 ? NULL : &values[i]);
            *slot = &values[i];
        }
    }
    assert_int_equal(myl_map_count(map), 500);
    assert_ptr_equal(myl_map_get(map, MYL_S("key 77")), &values[77]);
    assert_null(myl_map_get(map, MYL_S("key 500")));
    assert_false(myl_map_has(map, MYL_S("key")));
    *myl_map_slot(map, MYL_S("")) = NULL;
    assert_true(myl_map_has(map, MYL_S("")));
    size_t at = 0;
    myl_str key;
    void *value;
    for (int i = 0; i < 500; i++) {
        assert_true(myl_map_next(map, &at, &key, &value));
        assert_str("order", key, myl_strf(&cx, "key %d", i));
        assert_ptr_equal(value, &values[i]);
    }
    assert_true(myl_map_next(map, &at, NULL, NULL));
    assert_false(myl_map_next(map, &at, &key, &value));
    myl_ctx_end(&cx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_are_zeroed_and_apart),
        cmocka_unit_test(marks_give_back),
        cmocka_unit_test(reset_starts_anew),
        cmocka_unit_test(first_error_stays),
        cmocka_unit_test(copies),
        cmocka_unit_test(error_rows),
        cmocka_unit_test(lists),
        cmocka_unit_test(maps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
