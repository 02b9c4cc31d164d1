/* test_settings.c: assignments from the command line, secrets in files, rates, the sample.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "config/config_test.h"

#include <stdlib.h>

static const myl_str minimal = MYL_S_INIT("server_name: a\n");

static void assignments(void **state)
{
    MYL_UNUSED(state);
    myl_ctx cx;
    myl_ctx_begin(&cx);
    myl_config *config = NULL;
    assert_int_equal(config_test_load(&cx, minimal, &config), MYL_OK);
    assert_int_equal(myl_config_set(&cx, config, "log.level=debug,http=error"), MYL_OK);
    assert_str("level", config->log_level, MYL_S("debug,http=error"));
    assert_int_equal(myl_config_set(&cx, config, "http.idle_timeout=1s"), MYL_OK);
    assert_int_equal(config->http_idle_timeout, 1000);
    assert_int_equal(myl_config_set(&cx, config, "turn.secret=\"x=y\""), MYL_OK);
    assert_str("secret", config->turn_secret.text, MYL_S("x=y"));
    assert_int_equal(myl_config_set(&cx, config, "listeners=[{port: 1}, {port: 2}]"), MYL_OK);
    assert_int_equal(config->listeners.count, 2);
    assert_int_equal(myl_config_set(&cx, config, "turn.secret="), MYL_BAD_CONFIG);
    myl_forgive(&cx);
    assert_int_equal(myl_config_set(&cx, config, "turn.secret=''"), MYL_OK);
    assert_false(myl_str_present(config->turn_secret.text));
    myl_config_end(config);
    myl_ctx_end(&cx);
}

static void refused_assignments(void **state)
{
    MYL_UNUSED(state);
    static const struct {
        const char *assignment, *words;
    } cases[] = {
        {"log.level", "--set: log.level: expected KEY=VALUE"},
        {"log.colour=red", "--set: log.colour: unknown key"},
        {"log=red", "--set: log: unknown key"},
        {"=x", "--set: : unknown key"},
        {"log.format=xml", "--set: log.format: expected one of text, json, got \"xml\""},
        {"log.format=", "--set: log.format: expected a value"},
        {"log.format=[", "--set: log.format: did not find expected node content"},
        {"listeners=[]", "--set: listeners: expected at least one entry"},
        {"passwords.min_length=512",
         "--set: passwords.min_length: expected at most passwords.max_length"},
    };
    myl_ctx cx;
    myl_ctx_begin(&cx);
    myl_config *config = NULL;
    myl_str yaml = MYL_S("server_name: a\npasswords: {max_length: 100}\n");
    assert_int_equal(config_test_load(&cx, yaml, &config), MYL_OK);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_number(cases[i].assignment, myl_config_set(&cx, config, cases[i].assignment),
                      MYL_BAD_CONFIG);
        assert_str(cases[i].assignment, cx.error.detail, myl_str_of(cases[i].words));
        myl_forgive(&cx);
    }
    assert_str("a refused one changes nothing", config->log_format, MYL_S("text"));
    assert_int_equal(config->listeners.count, 1);
    assert_int_equal(config->passwords_min_length, 8);
    myl_config_end(config);
    myl_ctx_end(&cx);
}

static void secret_files(void **state)
{
    MYL_UNUSED(state);
    myl_ctx cx;
    myl_ctx_begin(&cx);
    config_test_file(&cx, "secret", MYL_S("from a file\n"));
    config_test_file(&cx, "empty", MYL_S("\n"));
    config_test_file(&cx, "long", myl_strf(&cx, "%05000d", 1));
    myl_config *config = NULL;
    myl_str yaml = MYL_S("server_name: a\nregistration:\n  shared_secret_file: secret\n");
    assert_int_equal(config_test_load(&cx, yaml, &config), MYL_OK);
    assert_str("secret", config->registration_shared_secret.text, MYL_S("from a file"));
    myl_config_end(config);
    static const struct {
        const char *yaml, *words;
    } cases[] = {
        {"turn: {secret_file: none}\n", "No such file or directory"},
        {"turn: {secret_file: empty}\n", "nothing in it"},
        {"turn: {secret_file: long}\n", "too long"},
        {"turn: {secret_file: .}\n", "Is a directory"},
        {"turn: {secret_file: []}\n", "turn.secret_file: expected a path"},
        {"turn: {secret_file: ''}\n", "turn.secret_file: expected a path"},
        {"turn: {secret_file: secret, secret: x}\n", "turn.secret: expected once, given twice"},
        {"turn: {secret: x, secret_file: secret}\n",
         "turn.secret_file: expected once, given twice"},
        {"data_dir_file: secret\n", "data_dir_file: unknown key"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        config = NULL;
        assert_number(cases[i].yaml, config_test_load(&cx, myl_str_of(cases[i].yaml), &config),
                      MYL_BAD_CONFIG);
        if (strstr(myl_cstr(&cx, cx.error.detail), cases[i].words) == NULL)
            assert_str(cases[i].yaml, cx.error.detail, myl_str_of(cases[i].words));
        myl_forgive(&cx);
    }
    myl_ctx_end(&cx);
}

/* Every class of http/rates.def that is limited has its keys. */
static void rates(void **state)
{
    MYL_UNUSED(state);
    static const char *const names[] = {
#define RATE(name, key, by) key,
#include "http/rates.def"
#undef RATE
    };
    myl_ctx cx;
    myl_ctx_begin(&cx);
    myl_config *config = NULL;
    assert_int_equal(config_test_load(&cx, minimal, &config), MYL_OK);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        int64_t rate = 0, burst = 0;
        bool found = myl_config_rate(config, names[i], &rate, &burst);
        assert_number(names[i], found, names[i][0] != '\0');
        assert_number(names[i], rate > 0 && burst > 0, found);
    }
    int64_t rate, burst;
    assert_true(myl_config_rate(config, "login", &rate, &burst));
    assert_int_equal(rate, 200);
    assert_int_equal(burst, 10);
    myl_config_end(config);
    myl_ctx_end(&cx);
}

/* The sample without the signs before its keys. */
static myl_str uncommented(myl_ctx *cx, myl_str sample)
{
    myl_text text = MYL_TEXT(cx);
    bool line_start = true;
    for (size_t i = 0; i < sample.len; i++) {
        char c = sample.at[i], next = i + 1 < sample.len ? sample.at[i + 1] : '\0';
        if (!(line_start && c == '#' && next >= 'a' && next <= 'z'))
            myl_text_add_byte(&text, c);
        line_start = c == '\n' || (line_start && c == ' ');
    }
    return myl_text_str(&text);
}

static void sample(void **state)
{
    MYL_UNUSED(state);
    myl_ctx cx;
    myl_ctx_begin(&cx);
    myl_text text = MYL_TEXT(&cx);
    myl_config_sample(&text);
    myl_str whole = myl_text_str(&text), shown = uncommented(&cx, whole);
    assert_true(shown.len < whole.len - 40);
    for (size_t from = 0, end; (end = myl_str_find(whole, '\n', from)) != SIZE_MAX; from = end + 1)
        assert_true(end - from <= 100);
    myl_config *as_printed = NULL, *as_shown = NULL, *least = NULL;
    if (config_test_load(&cx, whole, &as_printed) != MYL_OK ||
        config_test_load(&cx, shown, &as_shown) != MYL_OK)
        fail_msg("%.*s", MYL_FMT(cx.error.detail));
    assert_int_equal(config_test_load(&cx, MYL_S("server_name: example.org\n"), &least), MYL_OK);
    assert_int_equal(as_shown->listeners.count, least->listeners.count);
#define KEY_TEXT(field) assert_str(#field, as_shown->field, least->field);
#define KEY_PATH KEY_TEXT
#define KEY_CHOICE KEY_TEXT
#define KEY_SECRET(field) assert_str(#field, as_shown->field.text, least->field.text);
#define KEY_INT(field) assert_number(#field, as_shown->field, least->field);
#define KEY_DECIMAL KEY_INT
#define KEY_DURATION KEY_INT
#define KEY_SIZE KEY_INT
#define KEY_BOOL KEY_INT
#define KEY_TEXTS(field) assert_number(#field, as_shown->field.count, least->field.count);
#define KEY_NETWORKS KEY_TEXTS
#define KEY_LISTENERS KEY_TEXTS
#define KEY(type, field, key, preset, constraint, what) KEY_##type(field)
#define REQUIRED_KEY KEY
#include "config/config.def"
    myl_config_end(as_printed);
    myl_config_end(as_shown);
    myl_config_end(least);
    myl_ctx_end(&cx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(assignments),  cmocka_unit_test(refused_assignments),
        cmocka_unit_test(secret_files), cmocka_unit_test(rates),
        cmocka_unit_test(sample),
    };
    return cmocka_run_group_tests(tests, config_test_start, config_test_stop);
}
