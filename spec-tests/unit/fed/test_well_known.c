/* test_well_known.c: delegation documents and for how long they hold, and server names cut into pieces, by cases.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/base_test.h"

#include "fed/fed_own.h"

#define MINUTE INT64_C(60000)
#define HOUR (60 * MINUTE)

typedef struct {
    const char *name;
    int status;
    const char *body, *control, *expires;
    const char *server; /* NULL: none */
    int64_t lasts_ms;
} document_case;

static const document_case documents[] = {
    {"plain", 200, "{\"m.server\":\"a.org\"}", NULL, NULL, "a.org", 24 * HOUR},
    {"port", 200, "{\"m.server\":\"a.org:1\",\"x\":1}", NULL, NULL, "a.org:1", 24 * HOUR},
    {"max-age", 200, "{\"m.server\":\"a\"}", "max-age=7200", NULL, "a", 2 * HOUR},
    {"max-age among others", 200, "{\"m.server\":\"a\"}", "public , MAX-AGE=\"7200\"", NULL, "a",
     2 * HOUR},
    {"max-age before expires", 200, "{\"m.server\":\"a\"}", "max-age=7200", "0", "a", 2 * HOUR},
    {"too long", 200, "{\"m.server\":\"a\"}", "max-age=99999999999", NULL, "a", 48 * HOUR},
    {"no-store", 200, "{\"m.server\":\"a\"}", "no-store", NULL, "a", MINUTE},
    {"no-cache before max-age", 200, "{\"m.server\":\"a\"}", "no-cache, max-age=7200", NULL, "a",
     MINUTE},
    {"a max-age that is none", 200, "{\"m.server\":\"a\"}", "max-age=soon", NULL, "a", 24 * HOUR},
    {"a negative one", 200, "{\"m.server\":\"a\"}", "max-age=-5", NULL, "a", 24 * HOUR},
    {"expires", 200, "{\"m.server\":\"a\"}", NULL, "Thu, 01 Jan 2026 03:00:00 GMT", "a", 3 * HOUR},
    {"expired", 200, "{\"m.server\":\"a\"}", NULL, "Thu, 01 Jan 1970 03:00:00 GMT", "a", MINUTE},
    {"no date", 200, "{\"m.server\":\"a\"}", NULL, "0", "a", MINUTE},
    {"another status", 404, "{\"m.server\":\"a\"}", NULL, NULL, NULL, 0},
    {"no JSON", 200, "{", NULL, NULL, NULL, 0},
    {"no object", 200, "[]", NULL, NULL, NULL, 0},
    {"no member", 200, "{}", NULL, NULL, NULL, 0},
    {"no text", 200, "{\"m.server\":1}", NULL, NULL, NULL, 0},
    {"no server name", 200, "{\"m.server\":\"a b\"}", NULL, NULL, NULL, 0},
    {"port 0", 200, "{\"m.server\":\"a:0\"}", NULL, NULL, NULL, 0},
    {"a URL", 200, "{\"m.server\":\"https://a\"}", NULL, NULL, NULL, 0},
};

static void reading(void **state)
{
    myl_ctx cx;

    MYL_UNUSED(state);
    myl_ctx_begin(&cx);
    myl_clock_hold(INT64_C(1767225600000)); /* 2026-01-01 */
    for (size_t i = 0; i < sizeof(documents) / sizeof(documents[0]); i++) {
        const document_case *one = &documents[i];
        fed_well_known_answer answer = {.status = one->status,
                                        .body = myl_str_of(one->body),
                                        .cache_control = myl_str_of(one->control),
                                        .expires = myl_str_of(one->expires)};
        fed_well_known got;
        myl_fed_well_known_read(&cx, &answer, &got);
        assert_str(one->name, got.server, myl_str_of(one->server));
        if (one->server != NULL)
            assert_number(one->name, got.lasts_ms, one->lasts_ms);
    }
    myl_clock_release();
    myl_ctx_end(&cx);
}

typedef struct {
    const char *name, *host;
    bool literal, six;
    int port; /* 0: none; -1: no name at all */
} name_case;

static const name_case names[] = {
    {"a.org", "a.org", false, false, 0},
    {"a.org:8", "a.org", false, false, 8},
    {"1.2.3.4", "1.2.3.4", true, false, 0},
    {"1.2.3.4:5", "1.2.3.4", true, false, 5},
    {"[::1]", "::1", true, true, 0},
    {"[::1]:65535", "::1", true, true, 65535},
    {"", "", false, false, -1},
    {":1", "", false, false, -1},
    {"a:", "", false, false, -1},
    {"a:0", "", false, false, -1},
    {"a:65536", "", false, false, -1},
    {"a:-1", "", false, false, -1},
    {"a:1:2", "", false, false, -1},
    {"[1.2.3.4]", "", false, false, -1},
    {"[::1", "", false, false, -1},
    {"[::1]a", "", false, false, -1},
    {"::1", "", false, false, -1},
    {"a/b", "", false, false, -1},
    {"a_b", "", false, false, -1},
    {"a\xc3\xa9", "", false, false, -1},
};

static void cutting(void **state)
{
    MYL_UNUSED(state);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const name_case *one = &names[i];
        fed_name got;
        bool reads = myl_fed_name_read(myl_str_of(one->name), &got);
        assert_number(one->name, reads, one->port >= 0);
        if (!reads)
            continue;
        assert_str(one->name, got.host, myl_str_of(one->host));
        assert_number(one->name, got.literal, one->literal);
        assert_number(one->name, got.six, one->six);
        assert_number(one->name, got.has_port ? got.port : 0, one->port);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reading),
        cmocka_unit_test(cutting),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
