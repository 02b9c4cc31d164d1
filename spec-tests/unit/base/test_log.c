/* test_log.c: log lines in both forms, levels, escaping and cutting; metrics.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base_test.h"

#include <stdlib.h>
#include <unistd.h>

#include <myelin/base_clock.h>
#include <myelin/base_limit.h>
#include <myelin/base_log.h>

static char captured[2 * MYL_LIMIT_LOG_LINE];
static int saved_stderr, capture_file;

static void capture(void)
{
    char path[] = "/tmp/myelin-log-XXXXXX";
    capture_file = mkstemp(path);
    assert_true(capture_file >= 0);
    unlink(path);
    saved_stderr = dup(STDERR_FILENO);
    dup2(capture_file, STDERR_FILENO);
}

/* What was logged since capture(). */
static myl_str release(void)
{
    dup2(saved_stderr, STDERR_FILENO);
    close(saved_stderr);
    ssize_t len = pread(capture_file, captured, sizeof(captured), 0);
    close(capture_file);
    assert_true(len >= 0);
    return (myl_str){captured, (size_t)len};
}

static void text_form(void **state)
{
    MYL_UNUSED(state);
    myl_ctx cx;
    myl_ctx_begin(&cx);
    cx.request_id = 17;
    myl_clock_hold(1700000000123);
    assert_true(myl_log_configure("info", false));
    capture();
    myl_log(&cx, MYL_LOG_INFO, "http", "listening", MYL_LOG_STR("address", MYL_S("::1")),
            MYL_LOG_INT("port", 8008));
    myl_log(NULL, MYL_LOG_WARNING, "store", "slow");
    myl_log(NULL, MYL_LOG_DEBUG, "store", "not wanted");
    assert_str(
        "text", release(),
        MYL_S("2023-11-14T22:13:20.123Z info http request=17: listening address=\"::1\" port=8008\n"
              "2023-11-14T22:13:20.123Z warning store: slow\n"));
    myl_clock_release();
    myl_ctx_end(&cx);
}

static void json_form(void **state)
{
    MYL_UNUSED(state);
    myl_ctx cx;
    myl_ctx_begin(&cx);
    cx.request_id = 3;
    myl_clock_hold(0);
    assert_true(myl_log_configure("debug", true));
    capture();
    myl_log(&cx, MYL_LOG_DEBUG, "room", "a \"b\"",
            MYL_LOG_STR("bad", MYL_S("\xff\n\x7f\xc2\x85\xc3\xa9")), MYL_LOG_INT("n", INT64_MIN),
            MYL_LOG_STR("none", MYL_S("")));
    assert_str("json", release(),
               MYL_S(
                   "{\"time\":\"1970-01-01T00:00:00.000Z\",\"level\":\"debug\",\"folder\":\"room\","
                   "\"request\":3,\"message\":\"a "
                   "\\\"b\\\"\",\"bad\":\"\\ufffd\\u000a\\u007f\\u0085\xc3\xa9\","
                   "\"n\":-9223372036854775808,\"none\":\"\"}\n"));
    myl_clock_release();
    assert_true(myl_log_configure("info", false));
    myl_ctx_end(&cx);
}

static void long_lines_are_cut(void **state)
{
    MYL_UNUSED(state);
    static char long_text[3 * MYL_LIMIT_LOG_LINE];
    for (size_t i = 0; i < sizeof(long_text); i += 2)
        memcpy(long_text + i, "\xc3\xa9", 2);
    for (int json = 0; json < 2; json++) {
        assert_true(myl_log_configure("info", json));
        capture();
        myl_log(NULL, MYL_LOG_INFO, "base", "long",
                MYL_LOG_STR("text", ((myl_str){long_text, sizeof(long_text)})),
                MYL_LOG_STR("after", MYL_S("left out")));
        myl_str line = release();
        assert_true(line.len > MYL_LIMIT_LOG_LINE - 64 && line.len <= MYL_LIMIT_LOG_LINE);
        assert_true(myl_str_is_utf8(line));
        assert_true(myl_str_ends(line, json ? MYL_S("\"}\n") : MYL_S("\"\n")));
        assert_true(myl_str_find(line, '\n', 0) == line.len - 1);
    }
    assert_true(myl_log_configure("info", false));
}

static void levels(void **state)
{
    MYL_UNUSED(state);
    assert_true(myl_log_configure("warning,http=debug,store=error", false));
    assert_true(myl_log_wanted(MYL_LOG_WARNING, "room"));
    assert_false(myl_log_wanted(MYL_LOG_INFO, "room"));
    assert_true(myl_log_wanted(MYL_LOG_DEBUG, "http"));
    assert_false(myl_log_wanted(MYL_LOG_WARNING, "store"));
    static const char *const bad[] = {
        "",          "loud",        "info,",
        "info,http", "http=loud",   "=debug",
        "http=",     "info,,debug", "a_name_longer_than_any_folder_has=info"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_number(bad[i], myl_log_understands(bad[i]), false);
        assert_number(bad[i], myl_log_configure(bad[i], true), false);
    }
    assert_true(myl_log_wanted(MYL_LOG_DEBUG, "http")); /* refused ones change nothing */
    assert_true(myl_log_configure("info", false));
}

static void failures(void **state)
{
    MYL_UNUSED(state);
    myl_ctx cx;
    myl_ctx_begin(&cx);
    capture();
    myl_log_failure(&cx, "store");
    assert_int_equal(release().len, 0);
    assert_int_equal(myl_fail_at(&cx, MYL_STORE_FAILED, (myl_place){"/home/x/src/store/kv.c", 12},
                                 "disk"),
                     MYL_STORE_FAILED);
    capture();
    myl_log_failure(&cx, "store");
    myl_str line = release();
    assert_true(myl_str_ends(
        line,
        MYL_S(" error store: failed code=\"STORE_FAILED\" detail=\"disk\" file=\"src/store/kv.c\" "
              "line=12\n")));
    myl_ctx_end(&cx);
}

static void metrics(void **state)
{
    MYL_UNUSED(state);
    myl_ctx cx;
    myl_ctx_begin(&cx);
    int64_t before = myl_metric_value(MYL_METRIC_PASSWORD_HASHES);
    myl_metric_add(MYL_METRIC_PASSWORD_HASHES, 5);
    assert_int_equal(myl_metric_value(MYL_METRIC_PASSWORD_HASHES), before + 5);
    myl_text text = MYL_TEXT(&cx);
    myl_metric_write(&text);
    char *all = myl_cstr(&cx, myl_text_str(&text));
    assert_non_null(strstr(all, "# HELP myelin_password_hashes_total Argon2id runs\n"
                                "# TYPE myelin_password_hashes_total counter\n"
                                "myelin_password_hashes_total 5\n"));
    myl_ctx_end(&cx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_form),          cmocka_unit_test(json_form),
        cmocka_unit_test(long_lines_are_cut), cmocka_unit_test(levels),
        cmocka_unit_test(failures),           cmocka_unit_test(metrics),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
