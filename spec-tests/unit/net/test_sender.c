/* test_sender.c: posts, timers, and calls that fail before they reach the network; start and stop.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/base_test.h"

#include <myelin/base_clock.h>
#include <myelin/net_call.h>

enum { TIMERS = 300 };

typedef struct {
    myl_net_post post;
    myl_queue *done;
    myl_queue_item item;
    myl_net_timer timers[TIMERS];
    int64_t seen[TIMERS];
    size_t count, wanted;
} scene;

static scene *running;

static int start(void **state)
{
    myl_ctx cx;

    MYL_UNUSED(state);
    myl_ctx_begin(&cx);
    myl_rc rc = myl_net_start(&cx, &(myl_net_setup){.allow_loopback = false});
    myl_ctx_end(&cx);
    return rc == MYL_OK ? 0 : -1;
}

static int stop(void **state)
{
    MYL_UNUSED(state);
    myl_net_stop();
    return 0;
}

static void timer_due(myl_net_timer *timer)
{
    running->seen[running->count++] = timer->at_ms;
    if (running->count == running->wanted)
        myl_queue_put(running->done, &running->item);
}

static void set_timers(myl_net_post *post)
{
    scene *self = MYL_OF(post, scene, post);
    int64_t now = myl_tick_ms();

    assert_true(myl_net_is_sender());
    for (size_t i = 0; i < TIMERS; i++)
        myl_net_timer_set(&self->timers[i], now + (int64_t)((i * 7919) % 60), timer_due);
    for (size_t i = 0; i < TIMERS; i += 3)
        myl_net_timer_clear(&self->timers[i]);
    for (size_t i = 1; i < TIMERS; i += 3) /* moved */
        myl_net_timer_set(&self->timers[i], now + (int64_t)(i % 40), timer_due);
}

static void timers(void **state)
{
    scene self = {.wanted = TIMERS - TIMERS / 3};

    MYL_UNUSED(state);
    running = &self;
    self.done = myl_queue_start(0, NULL, NULL);
    self.post.run = set_timers;
    assert_number("post", myl_net_run(&self.post), MYL_OK);
    assert_ptr_equal(myl_queue_take(self.done), &self.item);
    for (size_t i = 1; i < self.count; i++)
        assert_true(self.seen[i - 1] <= self.seen[i]);
    for (size_t i = 0; i < TIMERS; i++)
        assert_number("none is set", self.timers[i].place, 0);
    myl_queue_end(self.done);
    assert_false(myl_net_is_sender());
}

typedef struct {
    const char *url;
    myl_rc rc;
    const char *words;
} call_case;

static void calls_that_go_nowhere(void **state)
{
    static const call_case cases[] = {
        {"ftp://a.org/", MYL_BAD_REQUEST, "URL"},
        {"http://a.org/", MYL_BAD_REQUEST, "URL"},
        {"https://127.0.0.1/", MYL_REMOTE_DOWN, "inside"},
        {"https://[::1]:1/", MYL_REMOTE_DOWN, "inside"},
        {"https://10.0.0.1/", MYL_REMOTE_DOWN, "inside"},
    };
    enum { COUNT = sizeof(cases) / sizeof(cases[0]) };
    myl_net_call calls[COUNT] = {0};
    myl_net_call *all[COUNT];
    myl_ctx cx[COUNT];

    MYL_UNUSED(state);
    for (size_t i = 0; i < COUNT; i++) {
        myl_ctx_begin(&cx[i]);
        calls[i] = (myl_net_call){.cx = &cx[i], .method = "GET", .url = myl_str_of(cases[i].url)};
        all[i] = &calls[i];
    }
    myl_net_call_wait(all, COUNT);
    for (size_t i = 0; i < COUNT; i++) {
        assert_number(cases[i].url, calls[i].rc, cases[i].rc);
        assert_true(calls[i].unreachable);
        if (strstr(myl_cstr(&cx[i], calls[i].failure), cases[i].words) == NULL)
            fail_msg("%s: %.*s", cases[i].url, MYL_FMT(calls[i].failure));
        myl_ctx_end(&cx[i]);
    }
}

static void a_stop_ends_calls(void **state)
{
    myl_net_call call = {.method = "GET", .url = MYL_S("https://a.org/")};
    myl_net_call *all[] = {&call};
    myl_ctx cx;

    myl_ctx_begin(&cx);
    call.cx = &cx;
    stop(state);
    assert_true(myl_net_stopping());
    myl_net_call_wait(all, 1);
    assert_number("after the stop", call.rc, MYL_STOPPING);
    assert_number("again", start(state), 0);
    myl_ctx_end(&cx);
}

static void settings_that_are_wrong(void **state)
{
    myl_str resolver = MYL_S("nobody");
    myl_ctx cx;

    stop(state);
    myl_ctx_begin(&cx);
    assert_number("resolver",
                  myl_net_start(&cx, &(myl_net_setup){.resolvers = &resolver, .resolver_count = 1}),
                  MYL_BAD_CONFIG);
    myl_forgive(&cx);
    assert_number("authorities", myl_net_start(&cx, &(myl_net_setup){.ca_file = "/nowhere.pem"}),
                  MYL_BAD_CONFIG);
    myl_ctx_end(&cx);
    assert_number("again", start(state), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(timers),
        cmocka_unit_test(calls_that_go_nowhere),
        cmocka_unit_test(a_stop_ends_calls),
        cmocka_unit_test(settings_that_are_wrong),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
