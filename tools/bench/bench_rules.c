/* bench_rules.c: what judging and making an ordinary message costs.
 *
 * Every line prints CPU time, a limit where the project sets one, and the ratio to something plain in the
 * same run: judging beside parsing the judged event's bytes, finishing an event beside its signature
 * alone. Exit 1 when a limit is passed.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <myelin/base_list.h>
#include <myelin/rules_auth.h>

#define USERS 1000  /* named by the power levels */
#define CHECKS 1000 /* of one measurement, as the limit counts them */
#define CHECKS_MS 5
#define ROUNDS 50
#define FINISH_US 20 /* beside the signature */
#define FINISHED 2000

static double cpu_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static void must(const myl_ctx *cx, myl_rc rc)
{
    if (rc == MYL_OK)
        return;
    fprintf(stderr, "bench_rules: %.*s\n", MYL_FMT(cx->error.detail));
    exit(2);
}

/* A room of one version: its state, and a member's message. */
typedef struct {
    myl_ctx *cx;
    const myl_room_version *version;
    const myl_signing_key *key;
    myl_event state[4]; /* create, member, power levels, join rules */
    myl_event message;
    myl_str bytes; /* of the message */
} room;

static const myl_event *find(void *arg, const char *type, myl_str state_key)
{
    const room *r = arg;
    for (size_t i = 0; i < sizeof r->state / sizeof *r->state; i++) {
        if (myl_event_is(&r->state[i], type, state_key))
            return &r->state[i];
    }
    return NULL;
}

static const myl_json *levels(myl_ctx *cx)
{
    myl_text text = MYL_TEXT(cx);
    const myl_json *json;
    myl_text_addf(&text, "{\"events\":{\"m.room.name\":50},\"users\":{\"@alice:one\":99");
    for (int i = 0; i < USERS; i++)
        myl_text_addf(&text, ",\"@user%06d:example.org\":%d", i, i % 50);
    myl_text_addf(&text, "}}");
    must(cx, myl_json_parse(cx, myl_text_str(&text), &json));
    return json;
}

static const myl_json *parsed(myl_ctx *cx, const char *text)
{
    const myl_json *json;
    must(cx, myl_json_parse(cx, myl_str_of(text), &json));
    return json;
}

static void make(room *r, myl_event *event, const char *type, const char *key,
                 const myl_json *content)
{
    myl_event_draft draft = {.version = r->version,
                             .room_id = event == &r->state[0] && r->version->room_id_is_create
                                            ? MYL_ABSENT
                                            : r->state[0].room_id,
                             .sender = MYL_S("@alice:one"),
                             .type = myl_str_of(type),
                             .state_key = myl_str_of(key),
                             .content = content,
                             .origin_server_ts = 1712345678901,
                             .depth = 1045};
    myl_str *references = myl_new_array(r->cx, myl_str, 3);
    for (size_t i = 0; i < 3 && event != &r->state[0]; i++)
        references[draft.auth_event_count++] = r->state[i].event_id;
    draft.auth_events = draft.prev_events = references;
    draft.prev_event_count = event == &r->message ? 1 : 0;
    must(r->cx, myl_event_finish(r->cx, &draft, r->key, MYL_S("one"), event, &r->bytes));
}

static void start(room *r, myl_ctx *cx, const char *version, const myl_signing_key *key)
{
    *r = (room){.cx = cx, .version = myl_room_version_find(myl_str_of(version)), .key = key};
    r->state[0].room_id = MYL_S("!room:one");
    make(r, &r->state[0], "m.room.create", "", parsed(cx, "{\"creator\":\"@bob:one\"}"));
    make(r, &r->state[1], "m.room.member", "@alice:one", parsed(cx, "{\"membership\":\"join\"}"));
    make(r, &r->state[2], "m.room.power_levels", "", levels(cx));
    make(r, &r->state[3], "m.room.join_rules", "", parsed(cx, "{\"join_rule\":\"public\"}"));
    make(r, &r->message, "m.room.message", NULL,
         parsed(cx,
                "{\"body\":\"Let us meet at the usual place, at noon. Bring the map.\","
                "\"m.mentions\":{\"user_ids\":[\"@bob:example.org\"]},\"msgtype\":\"m.text\"}"));
}

static bool report(const char *what, const char *version, double value, double limit, double plain)
{
    bool passed = value <= limit;
    printf("%-28s v%-3s %9.3f  limit %5.0f  plain %8.3f  ratio %.3f%s\n", what, version, value,
           limit, plain, value / plain, passed ? "" : "  TOO SLOW");
    return passed;
}

/* CHECKS judgements by state and by the event's own list; the least of ROUNDS. Plain: parsing as often. */
static bool bench_auth(room *r)
{
    double best = 1e9, plain = 1e9;
    myl_auth_state state = {find, r};
    const myl_event *named[] = {&r->state[0], &r->state[1], &r->state[2]};
    size_t skip = r->version->room_id_is_create ? 1 : 0;
    for (int round = 0; round < ROUNDS; round++) {
        double from = cpu_us();
        for (int i = 0; i < CHECKS; i++) {
            myl_mark mark = myl_ctx_mark(r->cx);
            myl_verdict list =
                myl_rules_auth_events(r->cx, &r->message, named + skip, 3 - skip, &r->state[0]);
            myl_verdict verdict = myl_rules_auth(r->cx, &r->message, &state);
            if (!list.allowed || !verdict.allowed)
                exit(2);
            myl_ctx_release(r->cx, mark);
        }
        double took = (cpu_us() - from) / 1e3;
        best = took < best ? took : best;
        from = cpu_us();
        for (int i = 0; i < CHECKS; i++) {
            const myl_json *json;
            myl_mark mark = myl_ctx_mark(r->cx);
            must(r->cx, myl_json_parse(r->cx, r->bytes, &json));
            myl_ctx_release(r->cx, mark);
        }
        took = (cpu_us() - from) / 1e3;
        plain = took < plain ? took : plain;
    }
    return report("1000 auth checks, ms CPU", r->version->name, best, CHECKS_MS, plain);
}

/* One finished message, and its signature alone. */
static bool bench_finish(room *r)
{
    double best = 1e9, plain = 1e9;
    for (int round = 0; round < FINISHED; round++) {
        myl_mark mark = myl_ctx_mark(r->cx);
        double from = cpu_us();
        make(r, &r->message, "m.room.message", NULL, r->message.content);
        double took = cpu_us() - from;
        best = took < best ? took : best;
        from = cpu_us();
        myl_signature signature = myl_crypto_sign(r->key, r->bytes);
        took = cpu_us() - from;
        plain = took < plain ? took : plain;
        if (signature.bytes[0] == 0 && signature.bytes[1] == 0 && signature.bytes[2] == 0)
            printf("a rare signature\n"); /* the call has to be made */
        myl_ctx_release(r->cx, mark);
    }
    return report("event_finish, us CPU", r->version->name, best, plain + FINISH_US, plain);
}

/* A message from outside: parsed, checked, named. */
static bool bench_decode(room *r)
{
    double best = 1e9, plain = 1e9;
    make(r, &r->message, "m.room.message", NULL, r->message.content);
    for (int round = 0; round < FINISHED; round++) {
        const myl_json *json;
        myl_event event;
        myl_mark mark = myl_ctx_mark(r->cx);
        double from = cpu_us();
        must(r->cx, myl_json_parse(r->cx, r->bytes, &json));
        double parse = cpu_us() - from;
        must(r->cx, myl_event_decode(r->cx, r->version, json, &event));
        double took = cpu_us() - from;
        best = took < best ? took : best;
        plain = parse < plain ? parse : plain;
        myl_ctx_release(r->cx, mark);
    }
    return report("parse and decode, us CPU", r->version->name, best, FINISH_US, plain);
}

int main(void)
{
    static const char *const versions[] = {"1", "6", "11", "12"};
    bool passed = true;
    myl_crypto_start();
    uint8_t seed[32] = {1};
    myl_signing_key *key = myl_signing_key_of_seed(seed, "bench");
    for (size_t i = 0; i < sizeof versions / sizeof *versions; i++) {
        myl_ctx cx;
        room r;
        myl_ctx_begin(&cx);
        start(&r, &cx, versions[i], key);
        passed &= bench_auth(&r);
        passed &= bench_finish(&r);
        passed &= bench_decode(&r);
        myl_ctx_end(&cx);
    }
    myl_signing_key_end(key);
    return passed ? 0 : 1;
}
