/* test_router.c: which row a method and path lead to, and what is refused.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "http/http_test.h"

#include "http/router.h"

#define ROW(method_, path_, apis_, name_)                                                          \
    {                                                                                              \
        .method = MYL_##method_, .path = path_, .apis = (apis_), .name = name_                     \
    }

static const myl_endpoint rows[] = {
    ROW(GET, "/v3/rooms/{roomId}/state", MYL_API_CLIENT, "state"),
    ROW(GET, "/v3/rooms/{roomId}/state/{eventType}", MYL_API_CLIENT, "state_type"),
    ROW(PUT, "/v3/rooms/{roomId}/state/{eventType}/{stateKey}", MYL_API_CLIENT, "put_state"),
    ROW(GET, "/v3/directory/room/{roomAlias}", MYL_API_CLIENT, "alias"),
    ROW(GET, "/v3/user/{userId}/filter/{filterId}", MYL_API_CLIENT, "filter"),
    ROW(POST, "/v3/user/{userId}/filter", MYL_API_CLIENT, "new_filter"),
    ROW(GET, "/v3/pushrules/", MYL_API_CLIENT, "rules"),
    ROW(GET, "/v3/pushrules/{scope}/", MYL_API_CLIENT, "rule_scope"),
    ROW(GET, "/v3/keys/changes", MYL_API_CLIENT, "changes"),
    ROW(PUT, "/v3/keys/{keyId}", MYL_API_CLIENT, "key"),
    ROW(GET, "/fed/{roomId}", MYL_API_FEDERATION, "fed"),
};

typedef struct {
    const char *name;
    myl_method method;
    const char *path;
    const char *want; /* NULL: no row */
    unsigned allowed; /* what 405 names */
} route_case;

#define ALLOW(method) (1u << MYL_##method)

static const route_case routes[] = {
    {"literal end", MYL_GET, "/v3/rooms/!a:b/state", "state", 0},
    {"two placeholders", MYL_GET, "/v3/rooms/!a:b/state/m.room.name", "state_type", 0},
    {"empty last segment", MYL_PUT, "/v3/rooms/!a:b/state/m.room.name/", "put_state", 0},
    {"HEAD is GET", MYL_HEAD, "/v3/rooms/!a:b/state", "state", 0},
    {"wrong method", MYL_DELETE, "/v3/rooms/!a:b/state", NULL, ALLOW(GET)},
    {"encoded literal", MYL_GET, "/v3/%72ooms/!a:b/stat%65", "state", 0},
    {"encoded slash does not cut", MYL_GET, "/v3/directory/room/%23a%2Fb:c", "alias", 0},
    {"raw slash cuts", MYL_GET, "/v3/directory/room/%23a/b:c", NULL, 0},
    {"dots are text", MYL_GET, "/v3/directory/room/..", "alias", 0},
    {"trailing slash as given", MYL_GET, "/v3/pushrules/", "rules", 0},
    {"trailing slash missing", MYL_GET, "/v3/pushrules", NULL, 0},
    {"trailing slash too many", MYL_GET, "/v3/rooms/!a:b/state/", "state_type", 0},
    {"placeholder, then slash", MYL_GET, "/v3/pushrules/global/", "rule_scope", 0},
    {"double slash", MYL_GET, "/v3//rooms/!a:b/state", NULL, 0},
    {"literal before placeholder", MYL_GET, "/v3/keys/changes", "changes", 0},
    {"placeholder when the literal has no such method", MYL_PUT, "/v3/keys/changes", "key", 0},
    {"both are named", MYL_POST, "/v3/keys/changes", NULL, ALLOW(GET) | ALLOW(PUT)},
    {"another interface's row", MYL_GET, "/fed/!a:b", NULL, 0},
    {"nothing", MYL_GET, "/", NULL, 0},
    {"no slash", MYL_GET, "v3", NULL, 0},
    {"empty", MYL_GET, "", NULL, 0},
    {"too many segments", MYL_GET, "/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a", NULL,
     0},
    {"unknown method", MYL_METHOD_COUNT, "/v3/keys/changes", NULL, ALLOW(GET) | ALLOW(PUT)},
};

static int set_up(void **state)
{
    *state = myl_http_router_start(rows, sizeof(rows) / sizeof(rows[0]));
    return 0;
}

static int tear_down(void **state)
{
    myl_http_router_end(*state);
    return 0;
}

static void finds_rows(void **state)
{
    for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
        const route_case *one = &routes[i];
        http_match match =
            myl_http_route(*state, one->method, MYL_API_CLIENT, myl_str_of(one->path));
        const char *got = match.endpoint == NULL ? NULL : match.endpoint->name;
        if ((got == NULL) != (one->want == NULL) || (got != NULL && strcmp(got, one->want) != 0))
            fail_msg("%s: got %s, want %s", one->name, got, one->want);
        if (got == NULL && match.allowed != one->allowed)
            fail_msg("%s: allowed %x, want %x", one->name, match.allowed, one->allowed);
    }
}

typedef struct {
    const char *name;
    myl_method method;
    const char *path;
    myl_rc want;
    const char *detail; /* its beginning */
} id_case;

static const id_case ids[] = {
    {"room", MYL_GET, "/v3/rooms/!a:b/state", MYL_OK, NULL},
    {"no room id", MYL_GET, "/v3/rooms/a:b/state", MYL_INVALID_PARAM, "roomId: "},
    {"no user id", MYL_POST, "/v3/user/alice/filter", MYL_INVALID_PARAM, "userId: "},
    {"alias with a slash", MYL_GET, "/v3/directory/room/%23a%2Fb%3Ac", MYL_OK, NULL},
    {"broken escape", MYL_GET, "/v3/directory/room/%23a%2:c", MYL_INVALID_PARAM, "roomAlias: "},
    {"NUL", MYL_GET, "/v3/directory/room/%23a%00:c", MYL_INVALID_PARAM, "roomAlias: "},
    {"empty state key", MYL_PUT, "/v3/rooms/!a:b/state/m.room.name/", MYL_OK, NULL},
    {"empty type", MYL_PUT, "/v3/rooms/!a:b/state//x", MYL_UNRECOGNIZED, "no such"},
};

static void checks_ids(void **state)
{
    for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
        const id_case *one = &ids[i];
        myl_path path = {.room_id = MYL_ABSENT};
        myl_ctx cx;
        myl_ctx_begin(&cx);
        http_match match =
            myl_http_route(*state, one->method, MYL_API_CLIENT, myl_str_of(one->path));
        assert_non_null(match.endpoint);
        myl_rc rc = myl_http_path_ids(&cx, &match, &path);
        if (rc != one->want)
            fail_msg("%s: got %d, want %d", one->name, rc, one->want);
        if (one->detail != NULL)
            assert_true(myl_str_starts(cx.error.detail, myl_str_of(one->detail)));
        myl_ctx_end(&cx);
    }
}

static void fills_ids(void **state)
{
    myl_path path = {.room_id = MYL_ABSENT};
    myl_ctx cx;

    myl_ctx_begin(&cx);
    http_match match = myl_http_route(*state, MYL_PUT, MYL_API_CLIENT,
                                      MYL_S("/v3/rooms/%21a%3Ab/state/m.room.member/%40u%3Ab%2Fc"));
    assert_int_equal(myl_http_path_ids(&cx, &match, &path), MYL_OK);
    assert_text_equal(path.room_id, "!a:b");
    assert_text_equal(path.event_type, "m.room.member");
    assert_text_equal(path.state_key, "@u:b/c");
    assert_false(myl_str_present(path.user_id));
    myl_ctx_end(&cx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_rows),
        cmocka_unit_test(checks_ids),
        cmocka_unit_test(fills_ids),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
