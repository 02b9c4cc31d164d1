/* test_state.c: state resolution told as stories: the cases of MSC1442 and MSC4297, and those that
 * are known to be hard.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "rules/story_room.h"

#define JOIN "{\"membership\":\"join\"}"
#define LEAVE "{\"membership\":\"leave\"}"
#define BAN "{\"membership\":\"ban\"}"
#define PUBLIC "{\"join_rule\":\"public\"}"
#define INVITE "{\"join_rule\":\"invite\"}"
#define CREATOR "{\"creator\":\"@alice:hs\"}"
#define TOPIC(text) "{\"topic\":\"" text "\"}"
#define ALICE "\"@alice:hs\":100"
#define LEVELS(users) "{\"users\":{" users "}}"

/* alice makes a public room and gives bob and mallory 50; charlie and others join. */
static story_room *public_room(myl_ctx *cx, const char *version)
{
    story_room *room = story_start(cx, version);
    STORY(room,
          {.id = "CREATE", .prev = "", .type = "create", .sender = "alice", .content = CREATOR},
          {"ALICE", "CREATE", "member", "alice", "alice", JOIN, .ts = 0},
          {"PL", "ALICE", "power_levels", "alice", NULL,
           LEVELS(ALICE ",\"@bob:hs\":50,\"@mallory:hs\":50"), .ts = 0},
          {"JR", "PL", "join_rules", "alice", NULL, PUBLIC, .ts = 0},
          {"BOB", "JR", "member", "bob", "bob", JOIN, .ts = 0},
          {"MALLORY", "BOB", "member", "mallory", "mallory", JOIN, .ts = 0},
          {"CHARLIE", "MALLORY", "member", "charlie", "charlie", JOIN, .ts = 0},
          {"TOPIC", "CHARLIE", "topic", "alice", NULL, TOPIC("first"), .ts = 0});
    return room;
}

/* --- v2 --------------------------------------------------------------------------------------- */

static void a_ban_holds_against_a_fork(story_room *room)
{
    STORY(room, {"BAN", "TOPIC", "member", "alice", "mallory", BAN, .ts = 0},
          {"EVIL", "TOPIC", "topic", "mallory", NULL, TOPIC("evil"), .ts = 0},
          {"AGAIN", "EVIL", "member", "mallory", "mallory",
           "{\"membership\":\"join\",\"displayname\":\"m\"}", .ts = 0});
    myl_state_set state = story_meet(room, "BAN AGAIN");
    story_expect(room, state, "member", "mallory", "BAN");
    story_expect(room, state, "topic", "", "TOPIC");
    story_expect(room, state, "member", "bob", "BOB");
}

static void a_closed_door_holds_against_a_fork(story_room *room)
{
    STORY(room, {"CLOSED", "TOPIC", "join_rules", "alice", NULL, INVITE, .ts = 0},
          {"ERIN", "TOPIC", "member", "erin", "erin", JOIN, .ts = 0});
    myl_state_set state = story_meet(room, "CLOSED ERIN");
    story_expect(room, state, "member", "erin", NULL);
    story_expect(room, state, "join_rules", "", "CLOSED");
}

static void a_demotion_holds_against_a_fork(story_room *room)
{
    STORY(room, {"DOWN", "TOPIC", "power_levels", "alice", NULL, LEVELS(ALICE), .ts = 0},
          {"GIVES", "TOPIC", "power_levels", "bob", NULL,
           LEVELS(ALICE ",\"@bob:hs\":50,\"@mallory:hs\":50,\"@charlie:hs\":50"), .ts = 0},
          {"TALKS", "GIVES", "topic", "charlie", NULL, TOPIC("mine"), .ts = 0});
    myl_state_set state = story_meet(room, "DOWN TALKS");
    story_expect(room, state, "power_levels", "", "DOWN");
    story_expect(room, state, "topic", "", "TOPIC");
}

/* Bob's change comes first in time; alice's power puts hers before it, and it stands on top of
 * hers. */
static void power_comes_before_time(story_room *room)
{
    STORY(room, {"BOBS", "TOPIC", "join_rules", "bob", NULL, INVITE, .ts = 5000},
          {"ALICES", "TOPIC", "join_rules", "alice", NULL, PUBLIC, .ts = 6000});
    story_expect(room, story_meet(room, "BOBS ALICES"), "join_rules", "", "BOBS");
}

static void time_orders_equal_power(story_room *room)
{
    STORY(room, {"LATER", "TOPIC", "join_rules", "bob", NULL, INVITE, .ts = 6000},
          {"SOONER", "TOPIC", "join_rules", "bob", NULL, PUBLIC, .ts = 5000});
    story_expect(room, story_meet(room, "LATER SOONER"), "join_rules", "", "LATER");
}

static void ids_order_what_else_is_equal(story_room *room)
{
    STORY(room, {"IDB", "TOPIC", "join_rules", "bob", NULL, INVITE, .ts = 6000},
          {"IDA", "TOPIC", "join_rules", "mallory", NULL, PUBLIC, .ts = 6000},
          {"TOPICA", "IDB", "topic", "bob", NULL, TOPIC("a"), .ts = 7000},
          {"TOPICB", "IDA", "topic", "mallory", NULL, TOPIC("b"), .ts = 7000});
    myl_state_set state = story_meet(room, "TOPICA TOPICB");
    story_expect(room, state, "join_rules", "", "IDB");
    story_expect(room, state, "topic", "", "TOPICB");
}

/* A topic that rests on newer power levels wins, whatever the clocks say. */
static void the_mainline_comes_before_time(story_room *room)
{
    STORY(room, {"OLD", "TOPIC", "topic", "bob", NULL, TOPIC("old"), .ts = 9000},
          {"PL2", "TOPIC", "power_levels", "alice", NULL,
           LEVELS(ALICE ",\"@bob:hs\":50,\"@mallory:hs\":51"), .ts = 2000},
          {"NEW", "PL2", "topic", "bob", NULL, TOPIC("new"), .ts = 2001});
    story_expect(room, story_meet(room, "OLD NEW"), "topic", "", "NEW");
}

static void the_mainline_ties_fall_to_time(story_room *room)
{
    STORY(room, {"T9", "TOPIC", "topic", "bob", NULL, TOPIC("nine"), .ts = 9000},
          {"T8", "TOPIC", "topic", "mallory", NULL, TOPIC("eight"), .ts = 8000});
    story_expect(room, story_meet(room, "T8 T9"), "topic", "", "T9");
}

/* Leaving by oneself is no power event, being kicked is. */
static void a_kick_holds_and_a_leave_yields(story_room *room)
{
    STORY(room, {"KICK", "TOPIC", "member", "bob", "charlie", LEAVE, .ts = 0},
          {"NAMED", "TOPIC", "member", "charlie", "charlie",
           "{\"membership\":\"join\",\"displayname\":\"c\"}", .ts = 3000},
          {"LEFT", "TOPIC", "member", "mallory", "mallory", LEAVE, .ts = 0},
          {"STAYS", "TOPIC", "member", "mallory", "mallory",
           "{\"membership\":\"join\",\"displayname\":\"m\"}", .ts = 4000});
    /* The room is public: whoever was kicked may come back in the same breath. */
    story_expect(room, story_meet(room, "KICK NAMED"), "member", "charlie", "NAMED");
    story_expect(room, story_meet(room, "LEFT STAYS"), "member", "mallory", "STAYS");
    STORY(room, {"CLOSED", "TOPIC", "join_rules", "alice", NULL, INVITE, .ts = 0});
    story_expect(room, story_meet(room, "KICK NAMED CLOSED"), "member", "charlie", "KICK");
}

static void three_states_meet(story_room *room)
{
    STORY(room, {"N1", "TOPIC", "name", "bob", NULL, "{\"name\":\"1\"}", .ts = 5000},
          {"N2", "TOPIC", "name", "bob", NULL, "{\"name\":\"2\"}", .ts = 6000},
          {"BAN3", "TOPIC", "member", "alice", "bob", BAN, .ts = 7000},
          {"T3", "BAN3", "topic", "alice", NULL, TOPIC("third"), .ts = 7001});
    static const char *const orders[] = {"N1 N2 T3", "T3 N2 N1", "N2 T3 N1", "N1 N1 T3 N2"};
    for (size_t i = 0; i < sizeof orders / sizeof orders[0]; i++) {
        myl_state_set state = story_meet(room, orders[i]);
        story_expect(room, state, "name", "", NULL);
        story_expect(room, state, "topic", "", "T3");
        story_expect(room, state, "member", "bob", "BAN3");
    }
    myl_state_set two = story_meet(room, "N1 N2");
    story_expect(room, two, "name", "", "N2");
}

/* A name that one state alone has is in conflict, and is judged. */
static void a_key_that_one_state_lacks_is_judged(story_room *room)
{
    STORY(room, {"NAME", "TOPIC", "name", "bob", NULL, "{\"name\":\"b\"}", .ts = 0},
          {"BANNED", "TOPIC", "member", "alice", "bob", BAN, .ts = 0});
    story_expect(room, story_meet(room, "NAME BANNED"), "name", "", NULL);
    STORY(room, {"NAME2", "TOPIC", "name", "mallory", NULL, "{\"name\":\"m\"}", .ts = 0});
    story_expect(room, story_meet(room, "NAME2 BANNED"), "name", "", "NAME2");
}

typedef void (*told)(story_room *room);

static void run_in(const char *const *versions, size_t count, told story)
{
    for (size_t i = 0; i < count; i++) {
        myl_ctx cx;
        myl_ctx_begin(&cx);
        story(public_room(&cx, versions[i]));
        myl_ctx_end(&cx);
    }
}

static const char *const two[] = {"2", "6", "11"};
#define RUN(versions, story) run_in((versions), sizeof(versions) / sizeof *(versions), (story))

/* Version 12 forbids the creator in power levels. */
static story_room *founders_room(myl_ctx *cx)
{
    story_room *room = story_start(cx, "12");
    STORY(room,
          {.id = "CREATE",
           .prev = "",
           .type = "create",
           .sender = "alice",
           .content = "{\"additional_creators\":[\"@anna:hs\"]}"},
          {"ALICE", "CREATE", "member", "alice", "alice", JOIN, .ts = 0},
          {"PL", "ALICE", "power_levels", "alice", NULL,
           LEVELS("\"@bob:hs\":50,\"@mallory:hs\":50"), .ts = 0},
          {"JR", "PL", "join_rules", "alice", NULL, PUBLIC, .ts = 0},
          {"BOB", "JR", "member", "bob", "bob", JOIN, .ts = 0},
          {"ANNA", "BOB", "member", "anna", "anna", JOIN, .ts = 0},
          {"TOPIC", "ANNA", "topic", "alice", NULL, TOPIC("first"), .ts = 0});
    return room;
}

static void forks_are_settled_by_power(void **state)
{
    MYL_UNUSED(state);
    RUN(two, a_ban_holds_against_a_fork);
    RUN(two, a_closed_door_holds_against_a_fork);
    RUN(two, a_demotion_holds_against_a_fork);
    RUN(two, power_comes_before_time);
    RUN(two, a_kick_holds_and_a_leave_yields);
    RUN(two, a_key_that_one_state_lacks_is_judged);
    RUN(two, three_states_meet);
}

static void orders_are_total(void **state)
{
    MYL_UNUSED(state);
    RUN(two, time_orders_equal_power);
    RUN(two, ids_order_what_else_is_equal);
    RUN(two, the_mainline_comes_before_time);
    RUN(two, the_mainline_ties_fall_to_time);
}

/* --- MSC4297 ---------------------------------------------------------------------------------- */

/* Problem A: both forks know that alice has left; one of them comes with join rules that she
 * replaced. */
static void tell_problem_a(story_room *room, const char *users)
{
    STORY(room, {"ALICE", "CREATE", "member", "alice", "alice", JOIN, .ts = 0},
          {"PL", "ALICE", "power_levels", "alice", NULL, users, .ts = 0},
          {"JR1", "PL", "join_rules", "alice", NULL, PUBLIC, .ts = 0},
          {"BOB", "JR1", "member", "bob", "bob", JOIN, .ts = 0},
          {"JR2", "BOB", "join_rules", "alice", NULL, "{\"join_rule\":\"public\",\"note\":2}",
           .ts = 0},
          {"CAROL", "JR2", "member", "carol", "carol", JOIN, .ts = 0},
          {"GONE", "CAROL", "member", "alice", "alice", LEAVE, .ts = 0},
          {"NAME", "GONE", "name", "bob", NULL, "{\"name\":\"b\"}", .ts = 0},
          {"ERRS", "GONE", "topic", "bob", NULL, TOPIC("b"),
           .state = "CREATE GONE PL JR1 BOB CAROL"});
}

/* Problem B: bob, whom alice raised, raises charlie; one fork comes with the power levels from
 * before both. */
static void tell_problem_b(story_room *room, const char *first, const char *second,
                           const char *third)
{
    STORY(room, {"ALICE", "CREATE", "member", "alice", "alice", JOIN, .ts = 0},
          {"PL1", "ALICE", "power_levels", "alice", NULL, first, .ts = 0},
          {"JR", "PL1", "join_rules", "alice", NULL, PUBLIC, .ts = 0},
          {"BOB", "JR", "member", "bob", "bob", JOIN, .ts = 0},
          {"CHARLIE", "BOB", "member", "charlie", "charlie", JOIN, .ts = 0},
          {"PL2", "CHARLIE", "power_levels", "alice", NULL, second, .ts = 0},
          {"PL3", "PL2", "power_levels", "bob", NULL, third, .ts = 0},
          {"EVE", "PL3", "member", "eve", "eve", JOIN, .ts = 0},
          {"NAME", "EVE", "name", "charlie", NULL, "{\"name\":\"c\"}", .ts = 0},
          {"ZARA", "EVE", "member", "zara", "zara", JOIN,
           .state = "CREATE ALICE PL1 JR BOB CHARLIE EVE"});
}

static void state_resets_of_v2_are_gone_in_v21(void **state)
{
    myl_ctx cx;
    MYL_UNUSED(state);
    myl_ctx_begin(&cx);
    story_room *a11 = story_start(&cx, "11"), *a12 = story_start(&cx, "12");
    story_step create = {
        .id = "CREATE", .prev = "", .type = "create", .sender = "alice", .content = "{}"};
    story_tell(a11, &create, 1);
    story_tell(a12, &create, 1);
    tell_problem_a(a11, LEVELS(ALICE ",\"@bob:hs\":50"));
    tell_problem_a(a12, LEVELS("\"@bob:hs\":50"));
    story_expect(a11, story_meet(a11, "NAME ERRS"), "join_rules", "", NULL);
    story_expect(a12, story_meet(a12, "NAME ERRS"), "join_rules", "", "JR2");
    story_expect(a12, story_meet(a12, "NAME ERRS"), "member", "alice", "GONE");

    story_room *b11 = story_start(&cx, "11"), *b12 = story_start(&cx, "12");
    story_tell(b11, &create, 1);
    story_tell(b12, &create, 1);
    tell_problem_b(b11, LEVELS(ALICE), LEVELS(ALICE ",\"@bob:hs\":60"),
                   LEVELS(ALICE ",\"@bob:hs\":60,\"@charlie:hs\":55"));
    tell_problem_b(b12, "{}", LEVELS("\"@bob:hs\":60"),
                   LEVELS("\"@bob:hs\":60,\"@charlie:hs\":55"));
    story_expect(b11, story_meet(b11, "NAME ZARA"), "power_levels", "", "PL1");
    story_expect(b12, story_meet(b12, "NAME ZARA"), "power_levels", "", "PL3");
    myl_ctx_end(&cx);
}

/* --- version 12 ------------------------------------------------------------------------------- */

static void creators_speak_first_in_version_12(void **state)
{
    myl_ctx cx;
    MYL_UNUSED(state);
    myl_ctx_begin(&cx);
    story_room *room = founders_room(&cx);
    STORY(room, {"BOBS", "TOPIC", "join_rules", "bob", NULL, INVITE, .ts = 5000},
          {"ANNAS", "TOPIC", "join_rules", "anna", NULL, PUBLIC, .ts = 6000},
          {"BANS", "TOPIC", "member", "anna", "bob", BAN, .ts = 7000},
          {"WORD", "TOPIC", "topic", "bob", NULL, TOPIC("bob"), .ts = 6500});
    story_expect(room, story_meet(room, "BOBS ANNAS"), "join_rules", "", "BOBS");
    myl_state_set state2 = story_meet(room, "BOBS BANS WORD");
    story_expect(room, state2, "join_rules", "", "JR");
    story_expect(room, state2, "topic", "", "TOPIC");
    story_expect(room, state2, "member", "bob", "BANS");
    story_expect(room, state2, "create", "", "CREATE");
    myl_ctx_end(&cx);
}

/* The create event's sender is a creator too: what waits for the create event is not held up. */
static void the_create_event_speaks_with_a_creators_power(void **state)
{
    myl_ctx cx;
    MYL_UNUSED(state);
    myl_ctx_begin(&cx);
    story_room *room = story_start(&cx, "12");
    STORY(room, {.id = "CREATE", .prev = "", .type = "create", .sender = "alice", .content = "{}"},
          {"ALICE", "CREATE", "member", "alice", "alice", JOIN, .ts = 0},
          {"SOONER", "ALICE", "power_levels", "alice", NULL, LEVELS("\"@bob:hs\":1"), .ts = 2000,
           .auth = "ALICE CREATE"},
          {"LATER", "ALICE", "power_levels", "alice", NULL, LEVELS("\"@bob:hs\":2"), .ts = 3000},
          {"ON", "LATER", "topic", "alice", NULL, TOPIC("on"), .ts = 0});
    const char *const states[] = {"", "SOONER ON"};
    story_expect(room, story_resolve(room, states, 2), "power_levels", "", "LATER");
    myl_ctx_end(&cx);
}

/* Without an accepted create event nothing that is in conflict can be allowed. */
static void a_rejected_create_event_lets_nothing_pass(void **state)
{
    myl_ctx cx;
    MYL_UNUSED(state);
    myl_ctx_begin(&cx);
    story_room *room = founders_room(&cx);
    STORY(room, {"ONE", "TOPIC", "topic", "bob", NULL, TOPIC("1"), .ts = 0},
          {"TWO", "TOPIC", "topic", "bob", NULL, TOPIC("2"), .ts = 0});
    ((myl_event *)(uintptr_t)story_event(room, "CREATE"))->rejected = true;
    story_expect(room, story_meet(room, "ONE TWO"), "topic", "", NULL);
    myl_ctx_end(&cx);
}

/* --- what auth events may lack ---------------------------------------------------------------- */

static void unknown_auth_events_are_no_edges(void **state)
{
    myl_ctx cx;
    MYL_UNUSED(state);
    myl_ctx_begin(&cx);
    story_room *room = public_room(&cx, "10");
    STORY(room,
          {"LOST", "TOPIC", "topic", "bob", NULL, TOPIC("lost"), .auth = "CREATE PL BOB NOWHERE"},
          {"SENT", "TOPIC", "topic", "bob", NULL, TOPIC("sent"), .ts = 500});
    story_expect(room, story_meet(room, "LOST SENT"), "topic", "", "LOST");
    myl_ctx_end(&cx);
}

/* A power level that was rejected stands in for nobody. Version 12, where all comes from auth
 * events. */
static void rejected_auth_events_do_not_stand_in(void **state)
{
    myl_ctx cx;
    MYL_UNUSED(state);
    myl_ctx_begin(&cx);
    story_room *room = founders_room(&cx);
    STORY(room,
          {"GRAB", "TOPIC", "power_levels", "bob", NULL, LEVELS("\"@dave:hs\":90"),
           .rejected = true},
          {"DAVE", "TOPIC", "member", "dave", "dave", JOIN, .ts = 0},
          {"DAVES", "DAVE", "topic", "dave", NULL, TOPIC("dave"), .auth = "GRAB DAVE",
           .rejected = true},
          {"BOBS", "DAVE", "topic", "bob", NULL, TOPIC("bob"), .ts = 0});
    const char *const states[] = {"CREATE ALICE PL JR BOB ANNA DAVE DAVES",
                                  "CREATE ALICE PL JR BOB ANNA DAVE BOBS"};
    story_expect(room, story_resolve(room, states, 2), "topic", "", "BOBS");
    /* The same with a power level that is not rejected: it is used as it was cited. */
    ((myl_event *)(uintptr_t)story_event(room, "GRAB"))->rejected = false;
    const char *const alone[] = {"CREATE ALICE PL JR BOB ANNA DAVE DAVES",
                                 "CREATE ALICE PL JR BOB ANNA DAVE"};
    story_expect(room, story_resolve(room, alone, 2), "topic", "", "DAVES");
    myl_ctx_end(&cx);
}

/* An event that names no power levels: its sender has what holds without them. */
static void events_without_power_levels_are_ordered(void **state)
{
    myl_ctx cx;
    MYL_UNUSED(state);
    myl_ctx_begin(&cx);
    story_room *room = story_start(&cx, "10");
    STORY(room,
          {.id = "CREATE", .prev = "", .type = "create", .sender = "alice", .content = CREATOR},
          {"ALICE", "CREATE", "member", "alice", "alice", JOIN, .ts = 0},
          {"JR1", "ALICE", "join_rules", "alice", NULL, PUBLIC, .ts = 9000},
          {"JR2", "ALICE", "join_rules", "alice", NULL, INVITE, .ts = 8000},
          {"T1", "JR1", "topic", "alice", NULL, TOPIC("1"), .ts = 9001},
          {"T2", "JR2", "topic", "alice", NULL, TOPIC("2"), .ts = 8001});
    myl_state_set state2 = story_meet(room, "T1 T2");
    story_expect(room, state2, "join_rules", "", "JR1");
    story_expect(room, state2, "topic", "", "T1");
    myl_ctx_end(&cx);
}

/* --- v1 --------------------------------------------------------------------------------------- */

static void version_1_goes_by_depth(void **state)
{
    myl_ctx cx;
    MYL_UNUSED(state);
    myl_ctx_begin(&cx);
    story_room *room = public_room(&cx, "1");
    STORY(room, {"SHORT", "TOPIC", "topic", "bob", NULL, TOPIC("s"), .ts = 9000},
          {"STEP", "TOPIC", "name", "bob", NULL, "{\"name\":\"n\"}", .ts = 0},
          {"LONG", "STEP", "topic", "bob", NULL, TOPIC("l"), .ts = 100});
    myl_state_set met = story_meet(room, "SHORT LONG");
    story_expect(room, met, "topic", "", "LONG");
    story_expect(room, met, "name", "", "STEP"); /* one side alone has it: no conflict in v1 */

    /* Power levels settle first, from the oldest on: charlie's topic passes only by them. */
    STORY(room,
          {"PL2", "TOPIC", "power_levels", "alice", NULL, LEVELS(ALICE ",\"@charlie:hs\":50"),
           .ts = 0},
          {"TOPIC3", "PL2", "topic", "charlie", NULL, TOPIC("c"), .ts = 0});
    met = story_meet(room, "SHORT TOPIC3");
    story_expect(room, met, "power_levels", "", "PL2");
    story_expect(room, met, "topic", "", "TOPIC3");
    myl_ctx_end(&cx);
}

static void version_1_stops_a_key_at_the_first_refusal(void **state)
{
    myl_ctx cx;
    MYL_UNUSED(state);
    myl_ctx_begin(&cx);
    story_room *room = public_room(&cx, "1");
    /* alice takes bob's power; bob's own change, one deeper, is then refused. */
    STORY(room, {"DOWN", "TOPIC", "power_levels", "alice", NULL, LEVELS(ALICE), .ts = 0},
          {"PAD", "TOPIC", "name", "bob", NULL, "{\"name\":\"n\"}", .ts = 0},
          {"MINE", "PAD", "power_levels", "bob", NULL,
           LEVELS(ALICE ",\"@bob:hs\":50,\"@mallory:hs\":50,\"@charlie:hs\":49"), .ts = 0},
          {"PAD2", "MINE", "name", "bob", NULL, "{\"name\":\"o\"}", .ts = 0},
          {"DOOR", "PAD2", "join_rules", "bob", NULL, INVITE, .ts = 0},
          {"DOOR2", "DOWN", "join_rules", "alice", NULL, PUBLIC, .ts = 0},
          {"OUT", "DOOR2", "member", "alice", "bob", BAN, .ts = 0},
          {"BACK", "DOOR", "member", "bob", "bob",
           "{\"membership\":\"join\",\"displayname\":\"b\"}", .ts = 0});
    myl_state_set met = story_meet(room, "OUT BACK");
    story_expect(room, met, "power_levels", "", "DOWN");
    story_expect(room, met, "join_rules", "", "DOOR2");
    story_expect(room, met, "member", "bob", "OUT");
    story_expect(room, met, "name", "", "PAD2");
    myl_ctx_end(&cx);
}

/* Where depths are equal, ids are hashed: the first of a power key is the one with the greatest
 * hash. */
static void version_1_breaks_ties_by_hash(void **state)
{
    myl_ctx cx;
    MYL_UNUSED(state);
    myl_ctx_begin(&cx);
    story_room *room = public_room(&cx, "1");
    STORY(room, {"A", "TOPIC", "topic", "bob", NULL, TOPIC("a"), .ts = 0},
          {"B", "TOPIC", "topic", "bob", NULL, TOPIC("b"), .ts = 0},
          {"C", "TOPIC", "topic", "bob", NULL, TOPIC("c"), .ts = 0});
    /* SHA-1 of "$C" begins with 0d, of "$A" with 1d, of "$B" with ff; the lowest wins. */
    story_expect(room, story_meet(room, "A B"), "topic", "", "A");
    story_expect(room, story_meet(room, "B C A"), "topic", "", "C");
    story_expect(room, story_meet(room, "C B"), "topic", "", "C");
    myl_ctx_end(&cx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forks_are_settled_by_power),
        cmocka_unit_test(orders_are_total),
        cmocka_unit_test(state_resets_of_v2_are_gone_in_v21),
        cmocka_unit_test(creators_speak_first_in_version_12),
        cmocka_unit_test(the_create_event_speaks_with_a_creators_power),
        cmocka_unit_test(a_rejected_create_event_lets_nothing_pass),
        cmocka_unit_test(unknown_auth_events_are_no_edges),
        cmocka_unit_test(rejected_auth_events_do_not_stand_in),
        cmocka_unit_test(events_without_power_levels_are_ordered),
        cmocka_unit_test(version_1_goes_by_depth),
        cmocka_unit_test(version_1_stops_a_key_at_the_first_refusal),
        cmocka_unit_test(version_1_breaks_ties_by_hash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
