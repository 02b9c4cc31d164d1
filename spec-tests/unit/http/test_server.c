/* test_server.c: a real front over loopback with endpoints made for the test: every way that a
 * handler may answer.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "http/http_test.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <myelin/base_clock.h>
#include <myelin/base_log.h>
#include <myelin/base_table.h>
#include <myelin/http_server.h>

enum { PAGES = 40, PAGE = 30000, ANSWER = 4 << 20 };

static struct {
    myl_config *config;
    myl_store *store;
    myl_http *http;
    myl_engine *engine;
    int port;
    char folder[64];
    atomic_int runs;
} front;

/* ---- endpoints ---- */

static myl_rc plain(myl_req *req, const void *body)
{
    MYL_UNUSED(body);
    myl_reply_header(req, "x-test", MYL_S("yes"));
    return myl_reply_bytes(req, 200, "text/x", MYL_S("plain"));
}

static myl_rc redirect(myl_req *req, const void *body)
{
    MYL_UNUSED(body);
    return myl_reply_redirect(req, MYL_S("/plain?a=b"));
}

/* Echoes the parameters. */
static myl_rc query(myl_req *req, const void *body)
{
    const myl_str *all;
    int64_t number;
    bool flag;
    myl_writer w = myl_write_start(&req->cx, 64);

    MYL_UNUSED(body);
    MYL_TRY(myl_req_query_int(req, "n", -5, 100, 7, &number));
    MYL_TRY(myl_req_query_bool(req, "b", true, &flag));
    size_t count = myl_req_query_all(req, "v", &all);
    myl_write_open(&w, '{');
    myl_write_int(&w, "n", number);
    myl_write_bool(&w, "b", flag);
    myl_write_open_key(&w, "v", '[');
    for (size_t i = 0; i < count; i++)
        myl_write_str(&w, NULL, all[i]);
    myl_write_close(&w, ']');
    myl_write_str(&w, "s", myl_req_query(req, "s"));
    myl_write_close(&w, '}');
    return myl_reply_written(req, &w);
}

/* Every kind of failure, by its number. */
static myl_rc fails(myl_req *req, const void *body)
{
    int64_t rc;

    MYL_UNUSED(body);
    MYL_TRY(myl_req_query_int(req, "rc", 1, MYL_ERROR_COUNT - 1, 0, &rc));
    myl_reply_header(req, "x-test", MYL_S("must not leave"));
    return myl_fail(&req->cx, (myl_rc)rc, "a \"quoted\" reason");
}

static myl_rc sets_no_reply(myl_req *req, const void *body)
{
    MYL_UNUSED(req);
    MYL_UNUSED(body);
    return MYL_OK;
}

typedef struct {
    int next, fail_at;
} page_state;

static myl_rc one_page(myl_req *req, void *arg, myl_text *out, bool *last)
{
    page_state *state = arg;
    uint64_t position;

    MYL_TRY(myl_store_position(&req->cx, &position)); /* in a snapshot */
    if (state->next == state->fail_at)
        return myl_fail(&req->cx, MYL_INTERNAL, "this page fails");
    memset(myl_text_reserve(out, PAGE), 'a' + state->next % 26, PAGE);
    *last = ++state->next == PAGES;
    return MYL_OK;
}

static myl_rc pages(myl_req *req, const void *body)
{
    page_state *state = myl_new(&req->cx, page_state);
    int64_t fail_at;

    MYL_UNUSED(body);
    MYL_TRY(myl_req_query_int(req, "fail", 0, PAGES, -1, &fail_at));
    state->fail_at = (int)fail_at;
    return myl_reply_pages(req, 200, "text/plain", one_page, state);
}

static myl_rc add_one(myl_req *req, void *arg)
{
    int *count = arg;

    MYL_ASSERT(req->cx.txn == NULL);
    if (*count == 1 && myl_str_present(myl_req_query(req, "fail")))
        return myl_fail(&req->cx, MYL_REMOTE_DOWN, "the other side is down");
    (*count)++;
    return MYL_OK;
}

/* Asks for a lane as often as "rounds" says. */
static myl_rc needs(myl_req *req, const void *body)
{
    int *count = req->plan.state != NULL ? req->plan.state : myl_new(&req->cx, int);
    int64_t rounds;

    MYL_UNUSED(body);
    MYL_TRY(myl_req_query_int(req, "rounds", 0, 100, 1, &rounds));
    MYL_ASSERT(*count == req->plan.rounds);
    if (*count < rounds)
        return myl_req_need(req, MYL_LANE_HEAVY, add_one, count);
    return myl_reply_json(req, 200, myl_strf(&req->cx, "{\"rounds\":%d}", *count));
}

static myl_rc slow(myl_req *req, const void *body)
{
    MYL_UNUSED(body);
    MYL_ASSERT(req->cx.txn == NULL);
    return myl_reply_empty(req);
}

/* Waits for room 5 or user 9 until the "ms" are over. */
static myl_rc waits(myl_req *req, const void *body)
{
    static const uint64_t rooms[] = {5};
    int64_t ms;
    uint64_t position;

    MYL_UNUSED(body);
    atomic_fetch_add(&front.runs, 1);
    MYL_TRY(myl_req_query_int(req, "ms", 0, 100000, 100000, &ms));
    MYL_TRY(myl_store_position(&req->cx, &position));
    if (req->parked_since != 0 && (req->deadline_over || ms == 100000))
        return myl_reply_json(req, 200,
                              req->deadline_over ? MYL_S("{\"late\":true}") : MYL_S("{}"));
    int64_t since = req->parked_since != 0 ? req->parked_since : myl_tick_ms();
    myl_park park = {.deadline_tick_ms = since + ms,
                     .position = position,
                     .user = 9,
                     .rooms = rooms,
                     .room_count = 1};
    return myl_req_park(req, &park);
}

/* Notes room or user, then fails when asked to. */
static myl_rc writes(myl_req *req, const void *body)
{
    int64_t room;
    int64_t user;

    MYL_UNUSED(body);
    MYL_ASSERT(myl_engine_is_writing(&req->cx));
    MYL_TRY(myl_req_query_int(req, "room", 0, 100, 0, &room));
    MYL_TRY(myl_req_query_int(req, "user", 0, 100, 0, &user));
    uint64_t position = myl_engine_next_position(&req->cx);
    myl_key key = myl_key_of_u64(position);
    MYL_TRY(myl_store_put(&req->cx, MYL_TABLE_META, myl_key_str(&key), MYL_S("x")));
    if (room != 0)
        myl_engine_note(&req->cx, MYL_NOTE_ROOM, (uint64_t)room);
    if (user != 0)
        myl_engine_note(&req->cx, MYL_NOTE_USER, (uint64_t)user);
    if (myl_str_present(myl_req_query(req, "fail")))
        return myl_fail(&req->cx, MYL_FORBIDDEN, "not this one");
    return myl_reply_json(req, 200,
                          myl_strf(&req->cx, "{\"position\":%llu}", (unsigned long long)position));
}

static myl_rc echoes(myl_req *req, const void *body)
{
    MYL_UNUSED(body);
    return myl_reply_bytes(req, 200, "application/octet-stream", req->body);
}

static const myl_body_form no_form = {"none", 0, NULL};
#define ROW(method_, path_, run_, handler_)                                                        \
    {                                                                                              \
        .method = MYL_##method_, .path = path_, .apis = MYL_API_CLIENT, .auth = MYL_AUTH_NONE,     \
        .run = MYL_RUN_##run_, .body = &no_form, .body_limit = 1 << 20, .handler = handler_,       \
        .name = #handler_                                                                          \
    }
static const myl_endpoint rows[] = {
    ROW(GET, "/plain", LOOP, plain),        ROW(GET, "/redirect", LOOP, redirect),
    ROW(GET, "/query", READ, query),        ROW(GET, "/fails", LOOP, fails),
    ROW(GET, "/none", READ, sets_no_reply), ROW(GET, "/pages", READ, pages),
    ROW(POST, "/pages", WRITE, pages),      ROW(GET, "/needs", READ, needs),
    ROW(POST, "/needs", WRITE, needs),      ROW(GET, "/slow", SLOW, slow),
    ROW(GET, "/waits", READ, waits),        ROW(POST, "/writes", WRITE, writes),
    ROW(POST, "/echoes", READ, echoes),
};

/* ---- the front ---- */

static int free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    assert_int_equal(bind(fd, (struct sockaddr *)&address, len), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    close(fd);
    return ntohs(address.sin_port);
}

static void write_config(const char *path)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    fprintf(file,
            "server_name: unit.test\ndata_dir: .\nstore: {map_size: 64M}\nlisteners:\n"
            "  - {address: 127.0.0.1, port: %d, apis: [client]}\n"
            "threads: {loops: 2, readers: 2}\nlog: {level: warning}\n",
            front.port);
    fclose(file);
}

static void demand_ok(const myl_ctx *cx, myl_rc rc)
{
    if (rc != MYL_OK)
        fail_msg("%.*s", MYL_FMT(cx->error.detail));
}

static int set_up(void **state)
{
    static const uint32_t lanes[MYL_LANE_COUNT] = {1, 1, 1};
    char path[96];
    myl_ctx cx;

    MYL_UNUSED(state);
    myl_ctx_begin(&cx);
    snprintf(front.folder, sizeof(front.folder), "/tmp/myelin-unit-XXXXXX");
    assert_non_null(mkdtemp(front.folder));
    snprintf(path, sizeof(path), "%s/myelin.yaml", front.folder);
    front.port = free_port();
    write_config(path);
    demand_ok(&cx, myl_config_load(&cx, path, &front.config));
    myl_log_configure("error", false);
    myl_store_options options = {.folder = front.config->data_dir.at,
                                 .map_size = 64 << 20,
                                 .readers = 64};
    demand_ok(&cx, myl_store_open(&cx, &options, &front.store));
    myl_http_setup setup = {front.config, front.store, rows, sizeof(rows) / sizeof(rows[0])};
    demand_ok(&cx, myl_http_open(&cx, &setup, &front.http));
    demand_ok(&cx,
              myl_engine_start(&cx, front.store, myl_http_committed, front.http, &front.engine));
    myl_lanes_start(lanes);
    myl_http_run(front.http, front.engine);
    myl_ctx_end(&cx);
    return 0;
}

static int tear_down(void **state)
{
    char command[128];

    MYL_UNUSED(state);
    myl_http_stop(front.http, 1000);
    myl_lanes_stop();
    myl_engine_stop(front.engine);
    myl_http_close(front.http);
    myl_store_close(front.store);
    myl_config_end(front.config);
    snprintf(command, sizeof(command), "rm -r %s", front.folder);
    return system(command);
}

/* ---- a client ---- */

static int connect_to_front(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)front.port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct timeval limit = {20, 0};
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

static int send_request(const char *method, const char *target)
{
    char head[256];
    int fd = connect_to_front();
    int len =
        snprintf(head, sizeof(head),
                 "%s %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
                 method, target);

    assert_int_equal(send(fd, head, (size_t)len, 0), len);
    return fd;
}

/* All until the front closes: head and body; false when it ended by a reset or in the middle. */
static size_t receive_all(int fd, char *out, size_t room)
{
    size_t len = 0;
    ssize_t got;

    while ((got = recv(fd, out + len, room - 1 - len, 0)) > 0)
        len += (size_t)got;
    out[len] = '\0';
    close(fd);
    return len;
}

static const char *ask(const char *method, const char *target)
{
    static char answer[ANSWER];

    receive_all(send_request(method, target), answer, sizeof(answer));
    return answer;
}

static void must_have(const char *answer, const char *part)
{
    if (strstr(answer, part) == NULL)
        fail_msg("no %s in %.600s", part, answer);
}

static void wait_for_runs(int runs)
{
    for (int i = 0; i < 4000 && atomic_load(&front.runs) < runs; i++)
        usleep(5000);
    assert_int_equal(atomic_load(&front.runs), runs);
}

static void wait_for_parked(int64_t count)
{
    for (int i = 0; i < 4000 && myl_metric_value(MYL_METRIC_HTTP_PARKED) != count; i++)
        usleep(5000);
    assert_int_equal(myl_metric_value(MYL_METRIC_HTTP_PARKED), count);
}

/* ---- tests ---- */

static void replies(void **state)
{
    MYL_UNUSED(state);
    must_have(ask("GET", "/plain"), "HTTP/1.1 200 OK");
    must_have(ask("GET", "/plain"), "x-test: yes\r\n");
    must_have(ask("GET", "/plain"), "content-type: text/x\r\n");
    must_have(ask("GET", "/plain"), "\r\n\r\nplain");
    assert_null(strstr(ask("HEAD", "/plain"), "\r\n\r\nplain"));
    must_have(ask("GET", "/redirect"), "HTTP/1.1 302 Found");
    must_have(ask("GET", "/redirect"), "location: /plain?a=b\r\n");
    must_have(ask("GET", "/slow"), "\r\n\r\n{}");
    must_have(ask("GET", "/none"), "HTTP/1.1 500 ");
}

static void parameters(void **state)
{
    MYL_UNUSED(state);
    must_have(ask("GET", "/query"), "{\"n\":7,\"b\":true,\"v\":[]}");
    must_have(ask("GET", "/query?n=-5&b=false&v=1&v=%41+b&s="),
              "{\"n\":-5,\"b\":false,\"v\":[\"1\",\"A b\"],\"s\":\"\"}");
    must_have(ask("GET", "/query?%6E=3&n=4"), "\"n\":3");
    must_have(ask("GET", "/query?n=101"), "M_INVALID_PARAM\",\"error\":\"n: ");
    must_have(ask("GET", "/query?n=1x"), "HTTP/1.1 400");
    must_have(ask("GET", "/query?n="), "HTTP/1.1 400");
    must_have(ask("GET", "/query?b=TRUE"), "b: expected true or false");
}

/* Each row of errors.def leaves with its status and errcode; our own faults say nothing of their
 * reason. */
static void errors(void **state)
{
    char target[64];
    char wanted[64];

    MYL_UNUSED(state);
    for (int rc = 1; rc < MYL_ERROR_COUNT; rc++) {
        const myl_error_row *row = myl_error_of((myl_rc)rc);
        if (rc == MYL_NEED || rc == MYL_WAIT)
            continue;
        snprintf(target, sizeof(target), "/fails?rc=%d", rc);
        const char *answer = ask("GET", target);
        snprintf(wanted, sizeof(wanted), "HTTP/1.1 %d ", row->status);
        must_have(answer, wanted);
        snprintf(wanted, sizeof(wanted), "\"errcode\":\"%s\"", row->errcode);
        must_have(answer, wanted);
        must_have(answer, "access-control-allow-origin: *");
        bool tells = strstr(answer, "a \\\"quoted\\\" reason") != NULL;
        assert_int_equal(tells, row->kind != MYL_KIND_FAULT);
        assert_null(strstr(answer, "x-test"));
    }
}

static size_t count_of(const char *text, char wanted)
{
    size_t count = 0;
    for (; *text != '\0'; text++)
        count += *text == wanted;
    return count;
}

static void long_replies(void **state)
{
    static const char *const methods[] = {"GET", "POST"};

    MYL_UNUSED(state);
    for (size_t i = 0; i < 2; i++) {
        const char *body = strstr(ask(methods[i], "/pages"), "\r\n\r\n");
        assert_non_null(body);
        assert_int_equal(count_of(body, 'z'), PAGE);     /* one page of it */
        assert_int_equal(count_of(body, 'g'), 2 * PAGE); /* two of it */
        must_have(body, "\r\n0\r\n\r\n");                /* the last chunk */
    }
    must_have(ask("GET", "/pages?fail=0"), "HTTP/1.1 500");
    const char *broken = ask("GET", "/pages?fail=3");
    must_have(broken, "HTTP/1.1 200");
    assert_int_equal(count_of(strstr(broken, "\r\n\r\n"), 'c'), PAGE);
    assert_null(strstr(broken, "\r\n0\r\n\r\n")); /* it ends in the middle, visibly */
}

static void leaves_in_the_middle_of_a_long_reply(void **state)
{
    char some[1000];

    MYL_UNUSED(state);
    for (int i = 0; i < 50; i++) {
        int fd = send_request("GET", "/pages");
        assert_true(recv(fd, some, sizeof(some), 0) > 0);
        close(fd);
    }
    must_have(ask("GET", "/plain"), "\r\n\r\nplain");
}

static void plans(void **state)
{
    MYL_UNUSED(state);
    must_have(ask("GET", "/needs?rounds=0"), "{\"rounds\":0}");
    must_have(ask("GET", "/needs?rounds=3"), "{\"rounds\":3}");
    must_have(ask("POST", "/needs?rounds=3"), "{\"rounds\":3}");
    must_have(ask("GET", "/needs?rounds=99"), "HTTP/1.1 503");
    must_have(ask("POST", "/needs?rounds=99"), "HTTP/1.1 503");
    must_have(ask("GET", "/needs?rounds=3&fail=1"), "the other side is down");
    must_have(ask("GET", "/needs?rounds=3&fail=1"), "HTTP/1.1 502");
}

static void changes(void **state)
{
    MYL_UNUSED(state);
    must_have(ask("POST", "/writes"), "{\"position\":");
    must_have(ask("POST", "/writes?fail=1"), "HTTP/1.1 403");
    must_have(ask("POST", "/writes?fail=1"), "not this one");
}

static void waiting(void **state)
{
    static const char *const wakes[] = {"/writes?room=5", "/writes?user=9"};
    static char answer[4096];

    MYL_UNUSED(state);
    atomic_store(&front.runs, 0);
    must_have(ask("GET", "/waits?ms=50"), "{\"late\":true}");
    wait_for_runs(2);
    for (size_t i = 0; i < 2; i++) {
        atomic_store(&front.runs, 0);
        int fd = send_request("GET", "/waits");
        wait_for_parked(1);
        ask("POST", "/writes?room=6");
        ask("POST", "/writes?room=5&fail=1"); /* undone: wakes nobody */
        wait_for_parked(1);
        must_have(ask("POST", wakes[i]), "HTTP/1.1 200");
        receive_all(fd, answer, sizeof(answer));
        must_have(answer, "\r\n\r\n{}");
        wait_for_runs(2);
    }
    int fd = send_request("GET", "/waits");
    wait_for_parked(1);
    myl_http_wake(MYL_NOTE_ROOM, 6);
    myl_http_wake(MYL_NOTE_USER, 9);
    receive_all(fd, answer, sizeof(answer));
    must_have(answer, "\r\n\r\n{}");
    wait_for_parked(0);
}

static void *write_often(void *arg)
{
    for (int i = 0; i < 200; i++)
        close(send_request("POST", arg));
    return NULL;
}

/* Everyone leaves before his answer, in all places; nothing breaks, nothing stays. */
static void everyone_leaves(void **state)
{
    static char *const targets[] = {"/writes?room=5", "/needs?rounds=2", "/pages",
                                    "/writes?fail=1"};
    pthread_t threads[4];

    MYL_UNUSED(state);
    for (int i = 0; i < 200; i++)
        close(send_request("GET", i % 2 == 0 ? "/waits" : "/needs?rounds=1"));
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, write_often, targets[i]), 0);
    for (size_t i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    wait_for_parked(0);
    must_have(ask("POST", "/writes"), "HTTP/1.1 200");
}

static void bodies(void **state)
{
    enum { BODY = 1 << 20 };
    static char sent[BODY];
    static char answer[ANSWER];
    char head[128];

    MYL_UNUSED(state);
    for (size_t i = 0; i < BODY; i++)
        sent[i] = (char)(i % 251);
    int fd = connect_to_front();
    int len = snprintf(head, sizeof(head),
                       "POST /echoes HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                       "Content-Length: %d\r\n\r\n",
                       BODY);
    assert_int_equal(send(fd, head, (size_t)len, 0), len);
    assert_int_equal(send(fd, sent, BODY, 0), BODY);
    size_t got = receive_all(fd, answer, sizeof(answer));
    assert_true(got > BODY);
    assert_memory_equal(answer + got - BODY, sent, BODY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(replies),
        cmocka_unit_test(parameters),
        cmocka_unit_test(errors),
        cmocka_unit_test(long_replies),
        cmocka_unit_test(leaves_in_the_middle_of_a_long_reply),
        cmocka_unit_test(plans),
        cmocka_unit_test(changes),
        cmocka_unit_test(waiting),
        cmocka_unit_test(everyone_leaves),
        cmocka_unit_test(bodies),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
