/* test_state_sets.c: which events a resolution looks at and in which order, against plain walks
 * over random rooms; what the book of plain events refuses; failures of the callbacks.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <myelin/base_limit.h>

#include "rules/memory_nodes.h"
#include "rules/state_res_own.h"

#define EVENTS 60
#define SETS 4

/* --- random rooms: auth events as they come, states as they come ------------------------------ */

typedef struct {
    myl_ctx cx;
    const myl_room_version *version;
    myl_event made[EVENTS];
    const myl_event *events[EVENTS];
    size_t auth[EVENTS][5]; /* indexes of earlier events */
    size_t count;
    bool below[EVENTS][EVENTS]; /* [a][b]: b is in the auth chain of a */
    size_t keys;
    size_t key_of[EVENTS];
    size_t states[SETS][16]; /* by key: 1 + index, or 0 */
    size_t set_count;
} random_room;

#define KEYS 9
#define FIRST_MEMBER 3
#define CREATOR 0

static const struct {
    const char *type, *key;
    const char *contents[4];
} key_rows[KEYS] = {
    {"m.room.create", "", {"{\"creator\":\"@a:hs\"}"}},
    {"m.room.power_levels",
     "",
     {"{\"users\":{\"@b:hs\":60,\"@c:hs\":50}}", "{\"users\":{\"@b:hs\":60}}",
      "{\"users\":{\"@b:hs\":60,\"@c:hs\":60}}", "{\"users\":{\"@b:hs\":70,\"@c:hs\":20}}"}},
    {"m.room.join_rules",
     "",
     {"{\"join_rule\":\"public\"}", "{\"join_rule\":\"invite\"}", "{\"join_rule\":\"public\"}",
      "{\"join_rule\":\"public\"}"}},
    {"m.room.member",
     "@a:hs",
     {"{\"membership\":\"join\"}", "{\"membership\":\"join\"}", "{\"membership\":\"join\"}",
      "{\"membership\":\"leave\"}"}},
    {"m.room.member",
     "@b:hs",
     {"{\"membership\":\"join\"}", "{\"membership\":\"leave\"}", "{\"membership\":\"join\"}",
      "{\"membership\":\"join\"}"}},
    {"m.room.member",
     "@c:hs",
     {"{\"membership\":\"join\"}", "{\"membership\":\"leave\"}", "{\"membership\":\"ban\"}",
      "{\"membership\":\"join\"}"}},
    {"m.room.topic", "", {"{}", "{}", "{}", "{}"}},
    {"m.room.name", "", {"{}", "{}", "{}", "{}"}},
    {"org.example.x", "y", {"{}", "{}", "{}", "{}"}},
};
static const char *const senders[] = {"@a:hs", "@b:hs", "@c:hs"};

static void cite(random_room *room, size_t index, size_t other)
{
    myl_event *event = &room->made[index];
    for (size_t i = 0; i < event->auth_event_count; i++)
        if (room->auth[index][i] == other)
            return;
    room->auth[index][event->auth_event_count] = other;
    ((myl_str *)(uintptr_t)event->auth_events)[event->auth_event_count++] =
        room->events[other]->event_id;
    room->below[index][other] = true;
    for (size_t i = 0; i < other; i++)
        room->below[index][i] |= room->below[other][i];
}

/* Cites an event of the key: mostly one of the newest two. */
static void cite_key(random_room *room, test_dice *dice, size_t index, size_t key)
{
    size_t skip = dice_roll(dice, 2) * dice_roll(dice, 3);
    for (size_t i = index; i-- > 0;)
        if (room->key_of[i] == key && skip-- == 0) {
            cite(room, index, i);
            return;
        }
}

static void fill_event(random_room *room, test_dice *dice, size_t index, size_t sender)
{
    myl_ctx *cx = &room->cx;
    myl_event *event = &room->made[index];
    size_t key = room->key_of[index];
    const char *content = key_rows[key].contents[key == CREATOR ? 0 : dice_roll(dice, 4)];
    event->version = room->version;
    event->event_id =
        index == 0 ? MYL_S("$room")
                   : myl_strf(cx, "$%02llu-%zu", (unsigned long long)dice_roll(dice, 50), index);
    event->room_id = MYL_S("!room");
    event->sender = myl_str_of(senders[sender]);
    event->type = myl_str_of(key_rows[key].type);
    event->state_key = myl_str_of(key_rows[key].key);
    event->origin_server_ts = (int64_t)dice_roll(dice, 6);
    event->depth = (int64_t)dice_roll(dice, 9);
    event->rejected = dice_roll(dice, 9) == 0;
    assert_int_equal(myl_json_parse(cx, myl_str_of(content), &event->content), MYL_OK);
    event->json = myl_json_empty_object();
    event->auth_events = myl_new_array(cx, myl_str, 5);
}

static void add_random(random_room *room, test_dice *dice)
{
    size_t index = room->count++, key = index == 0 ? CREATOR : 1 + dice_roll(dice, KEYS - 1);
    bool member = key >= FIRST_MEMBER && key < FIRST_MEMBER + 3;
    size_t sender = index == 0 ? 0 : dice_roll(dice, 3);
    if (member && dice_roll(dice, 3) != 0)
        sender = key - FIRST_MEMBER;
    room->events[index] = &room->made[index];
    room->key_of[index] = key;
    fill_event(room, dice, index, sender);
    if (index > 0 && !room->version->room_id_is_create)
        cite(room, index, 0);
    const size_t needed[] = {1, FIRST_MEMBER + sender, member ? 2 : 1, member ? key : 1};
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++)
        if (dice_roll(dice, 8) != 0)
            cite_key(room, dice, index, needed[i]);
}

static random_room *room_start(uint64_t seed, const char *version)
{
    test_dice dice = {seed};
    random_room *room = calloc(1, sizeof *room);
    assert_non_null(room);
    myl_ctx_begin(&room->cx);
    room->version = myl_room_version_find(myl_str_of(version));
    for (size_t i = 0; i < EVENTS; i++)
        add_random(room, &dice);
    room->set_count = 2 + dice_roll(&dice, SETS - 1);
    for (size_t i = 0; i < EVENTS; i++)
        for (size_t set = 0; set < room->set_count; set++)
            if (i == 0 || dice_roll(&dice, 3) == 0)
                room->states[set][room->key_of[i]] = i + 1;
    for (size_t set = 1; set < room->set_count; set++)
        for (size_t key = 0; key < KEYS; key++)
            if (dice_roll(&dice, 2) == 0)
                room->states[set][key] = room->states[0][key];
    for (size_t set = 1; set < room->set_count; set++)
        room->states[set][1 + dice_roll(&dice, KEYS - 1)] = 0;
    return room;
}

static void room_end(random_room *room)
{
    myl_ctx_end(&room->cx);
    free(room);
}

static myl_state_set set_of(random_room *room, size_t set)
{
    myl_list ids = MYL_LIST(&room->cx, myl_str);
    for (size_t key = 0; key < KEYS; key++)
        if (room->states[set][key] != 0)
            myl_list_push(&ids, myl_str, room->events[room->states[set][key] - 1]->event_id);
    return (myl_state_set){ids.at, ids.count};
}

/* --- the plain way ---------------------------------------------------------------------------- */

typedef struct {
    bool conflicted[EVENTS], difference[EVENTS], subgraph[EVENTS];
} plain_sets;

static bool agrees(const random_room *room, size_t key)
{
    bool same = true;
    for (size_t set = 1; set < room->set_count; set++)
        same &= room->states[set][key] == room->states[0][key];
    return same;
}

static plain_sets find_plain(const random_room *room)
{
    plain_sets out = {.conflicted = {false}};
    for (size_t key = 0; key < KEYS; key++)
        for (size_t set = 0; set < room->set_count && !agrees(room, key); set++)
            if (room->states[set][key] != 0)
                out.conflicted[room->states[set][key] - 1] = true;
    for (size_t i = 0; i < EVENTS; i++) {
        size_t in = 0;
        bool above = out.conflicted[i], under = out.conflicted[i];
        for (size_t set = 0; set < room->set_count; set++) {
            bool here = false;
            for (size_t key = 0; key < KEYS; key++)
                here |= room->states[set][key] != 0 && room->below[room->states[set][key] - 1][i];
            in += here;
        }
        out.difference[i] = in > 0 && in < room->set_count;
        for (size_t k = 0; k < EVENTS; k++) {
            above |= out.conflicted[k] && room->below[i][k];
            under |= out.conflicted[k] && room->below[k][i];
        }
        out.subgraph[i] = above && under;
    }
    return out;
}

/* --- what the resolution told ----------------------------------------------------------------- */

typedef struct {
    const random_room *room;
    const myl_state_book *book;
    bool told[EVENTS];
    plain_sets sets;
    size_t turn[EVENTS]; /* place in the orders, from 1 */
    size_t turns, first_rest;
    int64_t value[EVENTS];
} hearing;

static size_t index_of(const hearing *at, uint64_t number)
{
    return (size_t)((const myl_event *)myl_state_book_event(at->book, number) - at->room->made);
}

static void hear(void *arg, const myl_resolve_step *step)
{
    hearing *at = arg;
    if (step->event == 0)
        return;
    size_t index = index_of(at, step->event);
    at->sets.conflicted[index] |= step->kind == MYL_STEP_CONFLICT;
    at->sets.difference[index] |= step->kind == MYL_STEP_DIFFERENCE;
    at->sets.subgraph[index] |= step->kind == MYL_STEP_SUBGRAPH;
    if (step->kind != MYL_STEP_POWER && step->kind != MYL_STEP_MAINLINE)
        return;
    assert_int_equal(at->turn[index], 0);
    at->turn[index] = ++at->turns;
    at->value[index] = step->value;
    if (step->kind == MYL_STEP_MAINLINE && at->first_rest == 0)
        at->first_rest = at->turns;
}

static bool comes_before(const random_room *room, size_t a, size_t b)
{
    const myl_event *x = room->events[a], *y = room->events[b];
    if (x->origin_server_ts != y->origin_server_ts)
        return x->origin_server_ts < y->origin_server_ts;
    return myl_str_compare(x->event_id, y->event_id) < 0;
}

/* Auth events that are in the power order come before; of two neighbours without an edge the
 * smaller one does. */
static void check_power_turn(const hearing *at, size_t before, size_t here)
{
    bool cites = false;
    for (size_t i = 0; i < at->room->events[here]->auth_event_count; i++) {
        size_t auth = at->room->auth[here][i];
        cites |= auth == before;
        assert_true(at->turn[auth] < at->turn[here]);
    }
    if (cites)
        return;
    assert_true(at->value[before] >= at->value[here]);
    if (at->value[before] == at->value[here])
        assert_true(comes_before(at->room, before, here));
}

/* Positions fall; what is off the mainline comes first. */
static void check_mainline_turn(const hearing *at, size_t before, size_t here)
{
    int64_t x = at->value[before], y = at->value[here];
    if (x == y)
        assert_true(comes_before(at->room, before, here));
    else
        assert_true(x == -1 || (y != -1 && x > y));
}

static void check_orders(const hearing *at)
{
    size_t by_turn[EVENTS + 2] = {0};
    for (size_t i = 0; i < EVENTS; i++)
        if (at->turn[i] != 0)
            by_turn[at->turn[i]] = i;
    size_t rest = at->first_rest == 0 ? at->turns + 1 : at->first_rest;
    for (size_t turn = 2; turn <= at->turns; turn++) {
        if (turn < rest)
            check_power_turn(at, by_turn[turn - 1], by_turn[turn]);
        if (turn > rest)
            check_mainline_turn(at, by_turn[turn - 1], by_turn[turn]);
    }
}

static void check_sets(const hearing *at, bool with_subgraph)
{
    plain_sets want = find_plain(at->room);
    for (size_t i = 0; i < EVENTS; i++) {
        assert_int_equal(at->sets.conflicted[i], want.conflicted[i]);
        assert_int_equal(at->sets.difference[i], want.difference[i] && !want.conflicted[i]);
        assert_int_equal(at->sets.subgraph[i], with_subgraph && want.subgraph[i] &&
                                                   !want.conflicted[i] && !want.difference[i]);
        bool all = want.conflicted[i] || want.difference[i] || (with_subgraph && want.subgraph[i]);
        assert_int_equal(at->turn[i] != 0, all);
    }
}

static void run_random(uint64_t seed, const char *version)
{
    random_room *room = room_start(seed, version);
    myl_state_book *book;
    myl_tree_root roots[SETS], forth, back, swapped[SETS];
    assert_int_equal(myl_state_book_start(&room->cx, room->version, room->events, EVENTS, &book),
                     MYL_OK);
    for (size_t set = 0; set < room->set_count; set++) {
        myl_state_set ids = set_of(room, set);
        assert_int_equal(myl_state_book_root(&room->cx, book, ids.ids, ids.count, &roots[set]),
                         MYL_OK);
        swapped[room->set_count - 1 - set] = roots[set];
    }
    hearing at = {.room = room, .book = book};
    myl_resolve_trace trace = {hear, &at};
    myl_resolve_request request = {myl_state_book_source(book), roots, room->set_count, &trace};
    assert_int_equal(myl_rules_resolve(&room->cx, &request, &forth), MYL_OK);
    check_sets(&at, strcmp(version, "12") == 0);
    check_orders(&at);

    /* The order of the states does not matter. */
    myl_resolve_request turned = {myl_state_book_source(book), swapped, room->set_count, NULL};
    uint64_t x, y;
    myl_digest a, b;
    assert_int_equal(myl_rules_resolve(&room->cx, &turned, &back), MYL_OK);
    assert_int_equal(myl_tree_digest(&room->cx, request.source->nodes, forth, &a, &x), MYL_OK);
    assert_int_equal(myl_tree_digest(&room->cx, request.source->nodes, back, &b, &y), MYL_OK);
    assert_true(x == y && a.low == b.low && a.high == b.high);
    room_end(room);
}

static void random_rooms_equal_plain_walks(void **state)
{
    MYL_UNUSED(state);
    for (uint64_t seed = 1; seed <= 200; seed++) {
        run_random(seed * 6151, "11");
        run_random(seed * 3079, "12");
    }
}

/* --- steps that are left out ------------------------------------------------------------------ */

#ifdef MYL_MUTATIONS

/* The resolved state of a random room, as one number. */
static uint64_t outcome_of(uint64_t seed, const char *version)
{
    random_room *room = room_start(seed, version);
    myl_state_set sets[SETS];
    const myl_str *ids;
    size_t count;
    uint64_t sum = 0;
    for (size_t set = 0; set < room->set_count; set++)
        sets[set] = set_of(room, set);
    myl_resolve_input input = {room->version, room->events, EVENTS, sets, room->set_count};
    assert_int_equal(myl_rules_resolve_events(&room->cx, &input, &ids, &count), MYL_OK);
    for (size_t i = 0; i < count; i++)
        sum = (sum ^ myl_str_hash(ids[i])) * 31;
    room_end(room);
    return sum;
}

#define OUTCOMES 250

static bool is_noticed(uint64_t want[3][OUTCOMES])
{
    static const char *const versions[] = {"1", "11", "12"};
    for (size_t i = 0; i < OUTCOMES; i++)
        for (size_t version = 0; version < 3; version++)
            if (outcome_of(1 + i * 7001, versions[version]) != want[version][i])
                return true;
    return false;
}

static void every_step_matters(void **state)
{
    static uint64_t want[3][OUTCOMES];
    static const char *const versions[] = {"1", "11", "12"};
    myl_ctx cx;
    size_t steps = 0;
    MYL_UNUSED(state);
    myl_ctx_begin(&cx);
    for (size_t version = 0; version < 3; version++)
        for (size_t i = 0; i < OUTCOMES; i++)
            want[version][i] = outcome_of(1 + i * 7001, versions[version]);
    for (size_t i = 0;; i++) {
        myl_str name = myl_rules_mutation_at(&cx, i);
        if (!myl_str_present(name))
            break;
        if (!myl_str_starts(name, MYL_S("RESOLVE_")))
            continue;
        steps++;
        assert_true(myl_rules_mutate(&cx, name));
        bool noticed = is_noticed(want);
        assert_true(myl_rules_mutate(&cx, MYL_ABSENT));
        if (!noticed)
            fail_msg("%.*s left out, and nothing came out otherwise", MYL_FMT(name));
    }
    assert_int_equal(steps, MYL_RESOLVE_STEPS);
    myl_ctx_end(&cx);
}
#endif

/* --- what the book refuses -------------------------------------------------------------------- */

static myl_event plain_event(const char *id, const char *key, const myl_str *auth, size_t count)
{
    return (myl_event){.version = myl_room_version_find(MYL_S("2")),
                       .event_id = myl_str_of(id),
                       .room_id = MYL_S("!r:hs"),
                       .sender = MYL_S("@a:hs"),
                       .type = MYL_S("m.room.topic"),
                       .state_key = key == NULL ? MYL_ABSENT : myl_str_of(key),
                       .content = myl_json_empty_object(),
                       .json = myl_json_empty_object(),
                       .auth_events = auth,
                       .auth_event_count = count};
}

static void cycles_are_refused(void **state)
{
    static const myl_str to_a[] = {MYL_S_INIT("$a")}, to_b[] = {MYL_S_INIT("$b")},
                         to_c[] = {MYL_S_INIT("$c")};
    myl_ctx cx;
    MYL_UNUSED(state);
    myl_ctx_begin(&cx);
    /* d hangs below the circle a -> b -> c -> a, and is not named. */
    myl_event d = plain_event("$d", "", to_a, 1), a = plain_event("$a", "", to_b, 1);
    myl_event b = plain_event("$b", "", to_c, 1), c = plain_event("$c", "", to_a, 1);
    const myl_event *events[] = {&d, &a, &b, &c};
    myl_state_book *book;
    assert_int_equal(myl_state_book_start(&cx, a.version, events, 4, &book), MYL_BAD_EVENT);
    assert_false(myl_str_ends(cx.error.detail, MYL_S("$d")));
    myl_forgive(&cx);
    myl_event self = plain_event("$a", "", to_a, 1);
    events[0] = &self;
    assert_int_equal(myl_state_book_start(&cx, a.version, events, 1, &book), MYL_BAD_EVENT);
    myl_ctx_end(&cx);
}

static void bad_states_are_refused(void **state)
{
    myl_ctx cx;
    MYL_UNUSED(state);
    myl_ctx_begin(&cx);
    myl_event a = plain_event("$a", "", NULL, 0), b = plain_event("$b", "", NULL, 0);
    myl_event message = plain_event("$m", NULL, NULL, 0),
              again = plain_event("$a", "other", NULL, 0);
    const myl_event *events[] = {&a, &b, &message, &again};
    const struct {
        const char *name;
        myl_str ids[2];
        myl_rc want;
    } cases[] = {
        {"unknown", {MYL_S_INIT("$a"), MYL_S_INIT("$x")}, MYL_BAD_EVENT},
        {"no state event", {MYL_S_INIT("$a"), MYL_S_INIT("$m")}, MYL_BAD_EVENT},
        {"two of one key", {MYL_S_INIT("$a"), MYL_S_INIT("$b")}, MYL_BAD_EVENT},
        {"one event twice", {MYL_S_INIT("$a"), MYL_S_INIT("$a")}, MYL_OK},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        myl_state_set set = {cases[i].ids, 2};
        myl_resolve_input input = {a.version, events, 4, &set, 1};
        const myl_str *ids;
        size_t count;
        myl_rc rc = myl_rules_resolve_events(&cx, &input, &ids, &count);
        if (rc != cases[i].want)
            fail_msg("%s: want %d, got %d", cases[i].name, (int)cases[i].want, (int)rc);
        myl_forgive(&cx);
    }
    myl_ctx_end(&cx);
}

static void the_number_of_states_is_bounded(void **state)
{
    myl_ctx cx;
    myl_state_set sets[MYL_LIMIT_STATE_SETS + 1];
    static const myl_str only[] = {MYL_S_INIT("$a")};
    const myl_str *ids;
    size_t count = 9;
    MYL_UNUSED(state);
    myl_ctx_begin(&cx);
    myl_event a = plain_event("$a", "", NULL, 0);
    const myl_event *events[] = {&a};
    for (size_t i = 0; i <= MYL_LIMIT_STATE_SETS; i++)
        sets[i] = (myl_state_set){only, 1};
    myl_resolve_input input = {a.version, events, 1, sets, MYL_LIMIT_STATE_SETS + 1};
    assert_int_equal(myl_rules_resolve_events(&cx, &input, &ids, &count), MYL_BAD_REQUEST);
    myl_forgive(&cx);
    input.set_count = MYL_LIMIT_STATE_SETS;
    assert_int_equal(myl_rules_resolve_events(&cx, &input, &ids, &count), MYL_OK);
    assert_int_equal(count, 1);
    input.set_count = 0;
    assert_int_equal(myl_rules_resolve_events(&cx, &input, &ids, &count), MYL_OK);
    assert_int_equal(count, 0);
    myl_ctx_end(&cx);
}

/* --- failing callbacks ------------------------------------------------------------------------ */

typedef struct {
    const myl_state_source *inner;
    size_t asked, fail_at;
} failing;

static myl_rc failing_event(void *arg, myl_ctx *cx, uint64_t number, const myl_state_event **out)
{
    failing *at = arg;
    if (++at->asked >= at->fail_at)
        return MYL_STORE_FAILED;
    return at->inner->event(at->inner->arg, cx, number, out);
}

static myl_rc failing_key(void *arg, myl_ctx *cx, const char *type, myl_str state_key,
                          myl_state_key *out)
{
    failing *at = arg;
    if (++at->asked >= at->fail_at)
        return MYL_STORE_FAILED;
    return at->inner->key(at->inner->arg, cx, type, state_key, out);
}

static myl_rc failing_create(void *arg, myl_ctx *cx, const myl_event *event,
                             const myl_event **create)
{
    failing *at = arg;
    return at->inner->create(at->inner->arg, cx, event, create);
}

static void failures_are_passed_on(void **state)
{
    static const char *const versions[] = {"1", "11", "12"};
    MYL_UNUSED(state);
    for (size_t i = 0; i < 3; i++) {
        random_room *room = room_start(97, versions[i]);
        myl_state_book *book;
        myl_tree_root roots[SETS], out;
        assert_int_equal(myl_state_book_start(&room->cx, room->version, room->events, EVENTS,
                                              &book),
                         MYL_OK);
        for (size_t set = 0; set < room->set_count; set++) {
            myl_state_set ids = set_of(room, set);
            assert_int_equal(myl_state_book_root(&room->cx, book, ids.ids, ids.count, &roots[set]),
                             MYL_OK);
        }
        failing at = {myl_state_book_source(book), 0, SIZE_MAX};
        myl_state_source source = *at.inner;
        source.arg = &at;
        source.event = failing_event;
        source.key = failing_key;
        source.create = failing_create;
        myl_resolve_request request = {&source, roots, room->set_count, NULL};
        assert_int_equal(myl_rules_resolve(&room->cx, &request, &out), MYL_OK);
        size_t questions = at.asked;
        assert_true(questions > 4);
        for (at.fail_at = 1; at.fail_at <= questions; at.fail_at++) {
            at.asked = 0;
            assert_int_equal(myl_rules_resolve(&room->cx, &request, &out), MYL_STORE_FAILED);
        }
        room_end(room);
    }
}

/* --- SHA-1, for ties in version 1 ------------------------------------------------------------- */

static void sha1_is_sha1(void **state)
{
    static const struct {
        myl_str text;
        size_t times;
        const char *want;
    } cases[] = {
        {MYL_S_INIT(""), 1, "da39a3ee5e6b4b0d3255bfef95601890afd80709"},
        {MYL_S_INIT("abc"), 1, "a9993e364706816aba3e25717850c26c9cd0d89d"},
        {MYL_S_INIT("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"), 1,
         "84983e441c3bd26ebaae4aa1f95129e5e54670f1"},
        {MYL_S_INIT("a"), 64, "0098ba824b5c16427bd7a1122a5a442a25ec644d"},
        {MYL_S_INIT("a"), 1000, "291e9a6c66994949b57ba5e650361e98fc36b1ba"},
    };
    MYL_UNUSED(state);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        myl_ctx cx;
        char hex[41];
        myl_ctx_begin(&cx);
        myl_text text = myl_text_start(&cx, 64);
        for (size_t k = 0; k < cases[i].times; k++)
            myl_text_add(&text, cases[i].text);
        sha1_hash hash = myl_rules_sha1(myl_text_str(&text));
        for (size_t k = 0; k < 20; k++)
            snprintf(hex + 2 * k, 3, "%02x", hash.bytes[k]);
        assert_string_equal(hex, cases[i].want);
        myl_ctx_end(&cx);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_rooms_equal_plain_walks),
#ifdef MYL_MUTATIONS
        cmocka_unit_test(every_step_matters),
#endif
        cmocka_unit_test(cycles_are_refused),
        cmocka_unit_test(bad_states_are_refused),
        cmocka_unit_test(the_number_of_states_is_bounded),
        cmocka_unit_test(failures_are_passed_on),
        cmocka_unit_test(sha1_is_sha1),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
