/* test_admit.c: events of another server: each verdict, forks and what comes out of them, gaps, early redactions.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "room/foreign.h"

#include "base/base_test.h"
#include "room/room_own.h"

#include <myelin/room_servers.h>

#define EVE "@eve:other.org"
#define MAL "@mal:third.org"

typedef struct {
    room_test *test;
    myl_caller alice;
    myl_str room;
    myl_str newest; /* id of the newest event */
} scene;

static myl_str newest_of(room_test *test, myl_str room);

static foreign_verdict join(scene *s, const char *user)
{
    foreign f = {.room_id = s->room,
                 .sender = user,
                 .type = "m.room.member",
                 .state_key = user,
                 .content = "{\"membership\":\"join\"}",
                 .prev = &s->newest,
                 .prev_count = 1};
    foreign_verdict verdict = foreign_send(s->test, &f);

    s->newest = verdict.event_id;
    return verdict;
}

typedef struct {
    room_test *test;
    myl_str room, id;
} newest_arg;

static myl_rc read_newest(myl_ctx *cx, void *arg)
{
    newest_arg *n = arg;
    myl_room_head head;
    myl_stored stored;

    MYL_TRY(myl_room_require(cx, n->room, &head));
    MYL_TRY(myl_room_event(cx, head.extremities[head.extremity_count - 1], &stored));
    n->id = myl_keep(&n->test->cx, stored.event_id);
    return MYL_OK;
}

static myl_str newest_of(room_test *test, myl_str room)
{
    newest_arg arg = {test, room, MYL_ABSENT};

    assert_int_equal(room_test_read(test, read_newest, &arg), MYL_OK);
    return arg.id;
}

/* A public room of alice with eve and mal in it. */
static scene begin(const char *version)
{
    scene s = {.test = room_test_start()};

    s.alice = room_test_user(s.test, "alice");
    s.room = room_test_room(s.test, &s.alice, "public_chat", version);
    s.newest = newest_of(s.test, s.room);
    assert_int_equal(join(&s, EVE).kind, MYL_ADMIT_ACCEPTED);
    assert_int_equal(join(&s, MAL).kind, MYL_ADMIT_ACCEPTED);
    return s;
}

static void end(scene *s)
{
    foreign_check(s->test);
    room_test_end(s->test);
}

static foreign message(const scene *s, const char *sender, const myl_str *prev, const char *body)
{
    return (
        foreign){.room_id = s->room,
                 .sender = sender,
                 .type = "m.room.message",
                 .content =
                     myl_strf(&s->test->cx, "{\"body\":\"%s\",\"msgtype\":\"m.text\"}", body).at,
                 .prev = prev,
                 .prev_count = 1};
}

static foreign state_event(const scene *s, const char *type, const char *content,
                           const myl_str *prev)
{
    return (foreign){.room_id = s->room,
                     .sender = s->alice.user_id.at,
                     .type = type,
                     .state_key = "",
                     .content = content,
                     .prev = prev,
                     .prev_count = 1};
}

/* ---- the plain road ---- */

static void a_message_arrives(void **state)
{
    static const char *const versions[] = {"10", "11", "12"};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        scene s = begin(versions[i]);
        myl_str next;
        foreign f = message(&s, EVE, &s.newest, "hello");
        foreign_verdict v = foreign_send(s.test, &f);
        const myl_json *sync = room_test_sync(s.test, &s.alice, MYL_ABSENT, NULL, &next);

        assert_number(versions[i], v.kind, MYL_ADMIT_ACCEPTED);
        assert_str(versions[i], room_test_said(s.test, sync, "join", s.room), MYL_S("hello"));
        assert_int_equal(foreign_head(s.test, s.room).joined, 3);
        assert_int_equal(foreign_head(s.test, s.room).extremity_count, 1);
        end(&s);
    }
}

static myl_rc count_servers(myl_ctx *cx, void *arg)
{
    const scene *s = arg;
    const uint64_t *servers;
    myl_room_head head;
    size_t count;
    bool there;

    MYL_TRY(myl_room_require(cx, s->room, &head));
    MYL_TRY(myl_room_servers(cx, head.room, &servers, &count));
    assert_int_equal(count, 3);
    MYL_TRY(myl_room_has_server(cx, head.room, MYL_S("other.org"), &there));
    assert_true(there);
    MYL_TRY(myl_room_has_server(cx, head.room, MYL_S("nowhere.org"), &there));
    assert_false(there);
    return MYL_OK;
}

static void servers_are_known(void **state)
{
    scene s = begin("11");

    (void)state;
    assert_int_equal(room_test_read(s.test, count_servers, &s), MYL_OK);
    end(&s);
}

/* ---- lies ---- */

static void the_same_twice_is_known(void **state)
{
    scene s = begin("11");
    foreign f = message(&s, EVE, &s.newest, "once");
    myl_str id;
    const myl_json *pdu = foreign_make(s.test, &f, &id);

    (void)state;
    assert_int_equal(foreign_admit(s.test, s.room, pdu, NULL).kind, MYL_ADMIT_ACCEPTED);
    assert_int_equal(foreign_admit(s.test, s.room, pdu, NULL).kind, MYL_ADMIT_KNOWN);
    end(&s);
}

static void a_stranger_is_rejected_and_blocks_nobody(void **state)
{
    scene s = begin("11");
    foreign f = message(&s, "@out:side.org", &s.newest, "spam");
    foreign_verdict v = foreign_send(s.test, &f);
    myl_str next;

    (void)state;
    assert_int_equal(v.kind, MYL_ADMIT_REJECTED);
    assert_int_equal(foreign_head(s.test, s.room).extremity_count, 1);
    /* what follows it is judged by the state before it */
    f = message(&s, EVE, &v.event_id, "after");
    assert_int_equal(foreign_send(s.test, &f).kind, MYL_ADMIT_ACCEPTED);
    assert_str("seen",
               room_test_said(s.test, room_test_sync(s.test, &s.alice, MYL_ABSENT, NULL, &next),
                              "join", s.room),
               MYL_S("after"));
    end(&s);
}

static void forged_auth_events_are_rejected(void **state)
{
    scene s = begin("11");
    myl_str auth[2];
    foreign f = message(&s, EVE, &s.newest, "x");

    (void)state;
    /* eve's own membership left out */
    auth[0] = foreign_state(s.test, s.room, "m.room.create", "");
    auth[1] = foreign_state(s.test, s.room, "m.room.power_levels", "");
    f.auth = auth;
    f.auth_count = 2;
    assert_int_equal(foreign_send(s.test, &f).kind, MYL_ADMIT_REJECTED);
    /* mal's membership in its place */
    auth[1] = foreign_state(s.test, s.room, "m.room.member", MAL);
    assert_int_equal(foreign_send(s.test, &f).kind, MYL_ADMIT_REJECTED);
    end(&s);
}

static void a_wrong_hash_redacts(void **state)
{
    scene s = begin("11");
    foreign f = message(&s, EVE, &s.newest, "true words");
    myl_str id, next;
    const myl_json *pdu = foreign_make(s.test, &f, &id), *content;
    foreign_verdict v;

    (void)state;
    content = myl_json_with(&s.test->cx, NULL, MYL_S("body"),
                            myl_json_of_str(&s.test->cx, MYL_S("false words")));
    pdu = myl_json_with(&s.test->cx, pdu, MYL_S("content"), content);
    v = foreign_admit(s.test, s.room, pdu, NULL);
    assert_int_equal(v.kind, MYL_ADMIT_ACCEPTED);
    assert_str("the id is over the redacted form", v.event_id, id);
    assert_str("nothing shown",
               room_test_said(s.test, room_test_sync(s.test, &s.alice, MYL_ABSENT, NULL, &next),
                              "join", s.room),
               MYL_S(""));
    end(&s);
}

static void a_future_depth_moves_nothing(void **state)
{
    scene s = begin("11");
    int64_t before = foreign_head(s.test, s.room).depth;
    foreign f = message(&s, EVE, &s.newest, "far");

    (void)state;
    f.depth = 9007199254740991;
    assert_int_equal(foreign_send(s.test, &f).kind, MYL_ADMIT_ACCEPTED);
    assert_int_equal(foreign_head(s.test, s.room).depth, before + 1);
    end(&s);
}

static void a_wrong_room_is_refused(void **state)
{
    scene s = begin("11");
    myl_str other = room_test_room(s.test, &s.alice, "public_chat", "11"), id;
    foreign f = message(&s, EVE, &s.newest, "x");
    const myl_json *pdu = foreign_make(s.test, &f, &id);
    foreign_verdict v = foreign_admit(s.test, other, pdu, NULL);

    (void)state;
    assert_int_equal(v.kind, MYL_ADMIT_REJECTED);
    assert_int_equal(v.stored.number, 0);
    end(&s);
}

/* ---- soft failure ---- */

static void a_banned_user_soft_fails_on_an_old_branch(void **state)
{
    scene s = begin("11");
    myl_str fork = s.newest, next;
    foreign ban = {.room_id = s.room,
                   .sender = s.alice.user_id.at,
                   .type = "m.room.member",
                   .state_key = EVE,
                   .content = "{\"membership\":\"ban\"}",
                   .prev = &fork,
                   .prev_count = 1};
    foreign f = message(&s, EVE, &fork, "too late");
    foreign_verdict v;

    (void)state;
    assert_int_equal(foreign_send(s.test, &ban).kind, MYL_ADMIT_ACCEPTED);
    v = foreign_send(s.test, &f);
    assert_int_equal(v.kind, MYL_ADMIT_SOFT_FAILED);
    assert_int_equal(foreign_head(s.test, s.room).extremity_count, 1);
    assert_str("not shown",
               room_test_said(s.test, room_test_sync(s.test, &s.alice, MYL_ABSENT, NULL, &next),
                              "join", s.room),
               MYL_S(""));
    end(&s);
}

/* ---- forks ---- */

static void a_fork_is_resolved_and_healed(void **state)
{
    static const char *const versions[] = {"10", "11", "12"};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        scene s = begin(versions[i]);
        myl_str fork = s.newest, a, b, next;
        foreign one = state_event(&s, "m.room.topic", "{\"topic\":\"one\"}", &fork);
        foreign two = state_event(&s, "m.room.name", "{\"name\":\"two\"}", &fork);
        const myl_json *sync, *part;

        room_test_sync(s.test, &s.alice, MYL_ABSENT, NULL, &next);
        a = foreign_send(s.test, &one).event_id;
        b = foreign_send(s.test, &two).event_id;
        assert_number(versions[i], foreign_head(s.test, s.room).extremity_count, 2);
        assert_str(versions[i], foreign_state(s.test, s.room, "m.room.topic", ""), a);
        assert_str(versions[i], foreign_state(s.test, s.room, "m.room.name", ""), b);
        foreign_check(s.test);
        /* our own next event joins the branches */
        room_test_say(s.test, s.room, &s.alice, "joined");
        assert_number(versions[i], foreign_head(s.test, s.room).extremity_count, 1);
        assert_str(versions[i], foreign_state(s.test, s.room, "m.room.topic", ""), a);
        assert_str(versions[i], foreign_state(s.test, s.room, "m.room.name", ""), b);
        sync = room_test_sync(s.test, &s.alice, next, NULL, &next);
        part = room_test_part(sync, "join", s.room);
        assert_non_null(part);
        end(&s);
    }
}

static void conflicting_bans_and_topics(void **state)
{
    scene s = begin("11");
    myl_str fork = s.newest, next, ban_id;
    foreign ban = {.room_id = s.room,
                   .sender = s.alice.user_id.at,
                   .type = "m.room.member",
                   .state_key = EVE,
                   .content = "{\"membership\":\"ban\"}",
                   .prev = &fork,
                   .prev_count = 1};
    foreign rename = {.room_id = s.room,
                      .sender = EVE,
                      .type = "m.room.member",
                      .state_key = EVE,
                      .content = "{\"membership\":\"join\",\"displayname\":\"E\"}",
                      .prev = &fork,
                      .prev_count = 1};
    myl_room_head head;

    (void)state;
    room_test_sync(s.test, &s.alice, MYL_ABSENT, NULL, &next);
    assert_int_equal(foreign_send(s.test, &rename).kind, MYL_ADMIT_ACCEPTED);
    ban_id = foreign_send(s.test, &ban).event_id;
    head = foreign_head(s.test, s.room);
    assert_int_equal(head.extremity_count, 2);
    assert_str("the ban holds", foreign_state(s.test, s.room, "m.room.member", EVE), ban_id);
    assert_int_equal(head.joined, 2);
    end(&s);
}

/* A local user's join is taken back by a resolution: the indexes and /sync must tell it. */
static void a_membership_is_reset(void **state)
{
    scene s = begin("11");
    myl_caller bob = room_test_user(s.test, "bob");
    myl_str fork = s.newest, next, closed;
    foreign close = state_event(&s, "m.room.join_rules", "{\"join_rule\":\"invite\"}", &fork);
    const myl_json *sync;

    (void)state;
    assert_int_equal(room_test_member(s.test, s.room, &bob, &bob, MYL_MEMBER_JOIN), MYL_OK);
    sync = room_test_sync(s.test, &bob, MYL_ABSENT, NULL, &next);
    assert_non_null(room_test_part(sync, "join", s.room));
    closed = foreign_send(s.test, &close).event_id;
    assert_str("closed", foreign_state(s.test, s.room, "m.room.join_rules", ""), closed);
    /* on the branch that closed the room bob never was; by resolution his join does not stand */
    assert_false(myl_str_present(foreign_state(s.test, s.room, "m.room.member", bob.user_id.at)));
    assert_int_equal(foreign_head(s.test, s.room).joined, 3);
    sync = room_test_sync(s.test, &bob, next, NULL, &next);
    assert_null(room_test_part(sync, "join", s.room));
    assert_non_null(room_test_part(sync, "leave", s.room));
    foreign_check(s.test);
    end(&s);
}

static void many_branches_stay_few(void **state)
{
    scene s = begin("11");
    myl_str fork = s.newest;

    (void)state;
    for (int i = 0; i < MYL_LIMIT_EXTREMITIES + 10; i++) {
        foreign f = message(&s, EVE, &fork, myl_strf(&s.test->cx, "m%d", i).at);
        assert_int_equal(foreign_send(s.test, &f).kind, MYL_ADMIT_ACCEPTED);
    }
    assert_int_equal(foreign_head(s.test, s.room).extremity_count, MYL_LIMIT_EXTREMITIES);
    for (int i = 0; i < 4; i++)
        room_test_say(s.test, s.room, &s.alice, "knit");
    assert_int_equal(foreign_head(s.test, s.room).extremity_count, 1);
    end(&s);
}

/* ---- what is missing ---- */

static void missing_events_are_named(void **state)
{
    scene s = begin("11");
    foreign one = message(&s, EVE, &s.newest, "one"), two;
    myl_str first, second;
    const myl_json *pdu = foreign_make(s.test, &one, &first), *next_pdu;
    foreign_verdict v;

    (void)state;
    two = message(&s, EVE, &first, "two");
    next_pdu = foreign_make(s.test, &two, &second);
    v = foreign_admit(s.test, s.room, next_pdu, NULL);
    assert_int_equal(v.kind, MYL_ADMIT_MISSING);
    assert_int_equal(v.missing_prev_count, 1);
    assert_str("which", v.missing_prev[0], first);
    assert_int_equal(foreign_admit(s.test, s.room, pdu, NULL).kind, MYL_ADMIT_ACCEPTED);
    assert_int_equal(foreign_admit(s.test, s.room, next_pdu, NULL).kind, MYL_ADMIT_ACCEPTED);
    end(&s);
}

static myl_rc read_bodies(myl_ctx *cx, void *arg)
{
    newest_arg *n = arg;
    myl_text said = MYL_TEXT(&n->test->cx);
    myl_room_head head;
    myl_stored stored;
    myl_walk *walk;

    MYL_TRY(myl_room_require(cx, n->room, &head));
    MYL_TRY(myl_walk_reading(cx, head.room, (myl_point){INT64_MIN, 0}, MYL_FORWARD, &walk));
    for (;;) {
        const myl_json *content;

        MYL_TRY(myl_walk_next(walk, &stored));
        if (stored.number == 0)
            break;
        MYL_TRY(myl_room_event_content(cx, &stored, &content));
        if (!myl_str_present(myl_json_text(content, MYL_S("body"))))
            continue;
        if (said.len > 0)
            myl_text_add_byte(&said, ',');
        myl_text_add(&said, myl_json_text(content, MYL_S("body")));
    }
    n->id = myl_text_str(&said);
    return MYL_OK;
}

/* All bodies in reading order. */
static myl_str bodies(room_test *test, myl_str room)
{
    newest_arg arg = {test, room, MYL_ABSENT};

    assert_int_equal(room_test_read(test, read_bodies, &arg), MYL_OK);
    return arg.id;
}

static void a_gap_is_kept_and_filled(void **state)
{
    scene s = begin("11");
    foreign one = message(&s, EVE, &s.newest, "one"), two;
    myl_str first, second;
    const myl_json *pdu = foreign_make(s.test, &one, &first), *next_pdu;
    myl_admission given = {.coming = MYL_COMES_NEW, .state_given = true};
    myl_admission behind = {.coming = MYL_COMES_BEHIND};
    foreign_verdict v;

    (void)state;
    two = message(&s, EVE, &first, "two");
    two.depth = 50;
    next_pdu = foreign_make(s.test, &two, &second);
    given.state = foreign_head(s.test, s.room).state;
    v = foreign_admit(s.test, s.room, next_pdu, &given);
    assert_int_equal(v.kind, MYL_ADMIT_ACCEPTED);
    assert_int_equal(v.stored.depth, 50);
    assert_int_equal(foreign_head(s.test, s.room).extremity_count, 2);
    foreign_check(s.test);
    behind.led_to = v.stored.number;
    v = foreign_admit(s.test, s.room, pdu, &behind);
    assert_int_equal(v.kind, MYL_ADMIT_ACCEPTED);
    assert_int_equal(v.stored.position, 0);
    assert_int_equal(foreign_head(s.test, s.room).extremity_count, 2);
    assert_str("in order", bodies(s.test, s.room), MYL_S("one,two"));
    end(&s);
}

static void a_redaction_may_come_first(void **state)
{
    scene s = begin("11");
    foreign one = message(&s, EVE, &s.newest, "bad words"), redaction;
    myl_str first, next;
    const myl_json *pdu = foreign_make(s.test, &one, &first);

    (void)state;
    redaction = (foreign){.room_id = s.room,
                          .sender = EVE,
                          .type = "m.room.redaction",
                          .content = "{}",
                          .prev = &s.newest,
                          .prev_count = 1,
                          .redacts = first.at};
    assert_int_equal(foreign_send(s.test, &redaction).kind, MYL_ADMIT_ACCEPTED);
    assert_int_equal(foreign_admit(s.test, s.room, pdu, NULL).kind, MYL_ADMIT_ACCEPTED);
    assert_str("redacted at once",
               room_test_said(s.test, room_test_sync(s.test, &s.alice, MYL_ABSENT, NULL, &next),
                              "join", s.room),
               MYL_S(""));
    end(&s);
}

/* ---- states that are resolved before the change ---- */

static int ahead_on(void **state)
{
    (void)state;
    foreign_ahead = true;
    return 0;
}

static int ahead_was_used(void **state)
{
    (void)state;
    foreign_ahead = false;
    print_message("%zu times on a snapshot\n", foreign_resolved);
    return foreign_resolved > 100 ? 0 : -1;
}

typedef struct {
    room_test *test;
    myl_str room_id;
    const uint64_t *numbers;
    size_t count;
} told_arg;

static myl_rc read_told(myl_ctx *cx, void *arg)
{
    told_arg *t = arg;
    myl_room_head head;

    MYL_TRY(myl_room_require(cx, t->room_id, &head));
    return myl_room_state_all(cx, head.state, &t->numbers, &t->count);
}

/* All of another room's state behind it. */
static void add_elsewhere(const scene *s, told_arg *told)
{
    told_arg other = {.test = s->test,
                      .room_id = room_test_room(s->test, &s->alice, "private_chat", "11")};
    uint64_t *both;

    assert_int_equal(room_test_read(s->test, read_told, &other), MYL_OK);
    both = myl_new_array(&s->test->cx, uint64_t, told->count + other.count);
    memcpy(both, told->numbers, told->count * sizeof(*both));
    memcpy(both + told->count, other.numbers, other.count * sizeof(*both));
    told->numbers = both;
    told->count += other.count;
}

/* A state that another server tells, by its events, for a message and for a state event. */
static void a_told_state_is_made(void **state)
{
    scene s = begin("11");
    myl_str gone = MYL_S("$notHereAtAllXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX"), id, rules;
    foreign say = message(&s, EVE, &gone, "far"),
            set = {.room_id = s.room,
                   .sender = EVE,
                   .type = "m.room.member",
                   .state_key = EVE,
                   .content = "{\"membership\":\"join\",\"displayname\":\"told\"}",
                   .prev = &gone,
                   .prev_count = 1};
    myl_admission given = {.coming = MYL_COMES_NEW, .state_given = true, .no_more = true};
    told_arg told = {.test = s.test, .room_id = s.room};
    myl_str ids[8];
    size_t count = 0;

    (void)state;
    assert_int_equal(room_test_read(s.test, read_told, &told), MYL_OK);
    rules = foreign_state(s.test, s.room, "m.room.join_rules", "");
    add_elsewhere(&s, &told);
    given.told = told.numbers;
    given.told_count = told.count;
    ids[count++] = foreign_state(s.test, s.room, "m.room.create", "");
    ids[count++] = foreign_state(s.test, s.room, "m.room.power_levels", "");
    ids[count++] = foreign_state(s.test, s.room, "m.room.member", EVE);
    say.auth = set.auth = ids;
    say.auth_count = set.auth_count = count;
    say.depth = set.depth = 40;
    assert_int_equal(foreign_admit(s.test, s.room, foreign_make(s.test, &say, &id), &given).kind,
                     MYL_ADMIT_ACCEPTED);
    assert_int_equal(foreign_admit(s.test, s.room, foreign_make(s.test, &set, &id), &given).kind,
                     MYL_ADMIT_ACCEPTED);
    assert_str("told", foreign_state(s.test, s.room, "m.room.member", EVE), id);
    assert_str("its own", foreign_state(s.test, s.room, "m.room.join_rules", ""), rules);
    assert_int_equal(foreign_head(s.test, s.room).extremity_count, 3);
    foreign_check(s.test);
    end(&s);
}

/* What the room's head says is what its newest events resolve to, found out again. */
static myl_rc resolve_again(myl_ctx *cx, void *arg)
{
    told_arg *t = arg;
    myl_digest digests[2];
    uint64_t entries;
    myl_tree_root root;
    myl_room_head head;

    MYL_TRY(myl_room_require(cx, t->room_id, &head));
    myl_snapshot_scratch(cx);
    MYL_TRY(myl_room_resolve_events(cx, &head, head.extremities, head.extremity_count, &root));
    MYL_TRY(myl_tree_digest(cx, myl_store_nodes(cx), head.state, &digests[0], &entries));
    MYL_TRY(myl_tree_digest(cx, myl_store_nodes(cx), root, &digests[1], &entries));
    t->count = memcmp(&digests[0], &digests[1], sizeof(digests[0])) == 0;
    return MYL_OK;
}

static uint32_t below(uint32_t *seed, uint32_t end)
{
    *seed = *seed * 1664525u + 1013904223u;
    return (*seed >> 8) % end;
}

/* Renames, messages, topics and bans on one or two events out of the last ones. */
static foreign any_event(const scene *s, uint32_t *seed, const myl_str *prev)
{
    uint32_t what = below(seed, 6);
    foreign f = message(s, what == 0 ? EVE : MAL, prev, "said");

    if (what == 1)
        f = state_event(s, "m.room.topic", "{\"topic\":\"t\"}", prev);
    if (what == 2 || what == 3) {
        f.type = "m.room.member";
        f.sender = f.state_key = what == 2 ? EVE : MAL;
        f.content = myl_strf(&s->test->cx, "{\"membership\":\"join\",\"displayname\":\"%u\"}",
                             below(seed, 1000))
                        .at;
    }
    if (what == 4) {
        f = state_event(s, "m.room.member",
                        below(seed, 2) == 0 ? "{\"membership\":\"ban\"}"
                                            : "{\"membership\":\"leave\"}",
                        prev);
        f.state_key = EVE;
    }
    f.prev_count = 1 + below(seed, 2);
    return f;
}

static void random_forks_resolve(void **state)
{
    enum { SEEDS = 6, STEPS = 40, WINDOW = 8 };

    (void)state;
    for (uint32_t seed = 1; seed <= SEEDS; seed++) {
        scene s = begin(seed % 2 == 0 ? "11" : "12");
        myl_str newest[WINDOW];
        told_arg again = {.test = s.test, .room_id = s.room};
        uint32_t dice = seed;

        for (size_t i = 0; i < WINDOW; i++)
            newest[i] = s.newest;
        for (size_t i = 0; i < STEPS; i++) {
            myl_str prev[2] = {newest[below(&dice, WINDOW)], newest[below(&dice, WINDOW)]};
            foreign f = any_event(&s, &dice, prev);
            foreign_verdict v;

            if (myl_str_equal(prev[0], prev[1]))
                f.prev_count = 1;
            v = foreign_send(s.test, &f);
            if (v.kind == MYL_ADMIT_ACCEPTED)
                newest[below(&dice, WINDOW)] = v.event_id;
            assert_int_equal(room_test_read(s.test, resolve_again, &again), MYL_OK);
            assert_true(again.count == 1);
        }
        end(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_arrives),
        cmocka_unit_test(servers_are_known),
        cmocka_unit_test(the_same_twice_is_known),
        cmocka_unit_test(a_stranger_is_rejected_and_blocks_nobody),
        cmocka_unit_test(forged_auth_events_are_rejected),
        cmocka_unit_test(a_wrong_hash_redacts),
        cmocka_unit_test(a_future_depth_moves_nothing),
        cmocka_unit_test(a_wrong_room_is_refused),
        cmocka_unit_test(a_banned_user_soft_fails_on_an_old_branch),
        cmocka_unit_test(a_fork_is_resolved_and_healed),
        cmocka_unit_test(conflicting_bans_and_topics),
        cmocka_unit_test(a_membership_is_reset),
        cmocka_unit_test(many_branches_stay_few),
        cmocka_unit_test(missing_events_are_named),
        cmocka_unit_test(a_gap_is_kept_and_filled),
        cmocka_unit_test(a_redaction_may_come_first),
        cmocka_unit_test(a_told_state_is_made),
        cmocka_unit_test(random_forks_resolve),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    return failed + cmocka_run_group_tests_name("ahead", tests, ahead_on, ahead_was_used);
}
