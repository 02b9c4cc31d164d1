/* test_auth.c: the auth rules but for m.room.member and m.room.power_levels, each in both ways.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "rules/judged_room.h"

/* The same rule on the pages of versions 1, 3, 6, 7, 8, 10, 11, 12. */
#define OTHERWISE "1:12 3:11 6:10 7:10 8:10 10:10 11:10 12:11"
#define SENDER "1:6 3:6 6:5 7:5 8:5 10:5 11:5 12:6"
#define THIRD "1:7.1 3:7.1 6:6.1 7:6.1 8:6.1 10:6.1 11:6.1 12:7.1"
#define LEVEL "1:8 3:8 6:7 7:7 8:7 10:7 11:7 12:8"
#define STATE_KEY "1:9 3:9 6:8 7:8 8:8 10:8 11:8 12:9"
#define FEDERATE "1:3 2:3 3:3 5:3 6:3 7:3 8:3 9:3 10:3 11:3 12:4"

static const judged_case plain_cases[] = {
    {"a message", "", "m.room.message", "alice", NULL, "{}", true, OTHERWISE},
    {"a message of nobody", "", "m.room.message", "bob", NULL, "{}", false, SENDER},
    {"a message of one invited", "invite bob", "m.room.message", "bob", NULL, "{}", false, SENDER},
    {"a message of a member", "join bob", "m.room.message", "bob", NULL, "{}", true, OTHERWISE},
    {"state of a member without power", "join bob", "m.room.name", "bob", "", "{}", false, LEVEL},
    {"state of the creator", "", "m.room.name", "alice", "", "{}", true, OTHERWISE},
    {"state of a member with power", "join bob|levels {\"users\":{\"@bob:one\":50}}", "m.room.name",
     "bob", "", "{}", true, OTHERWISE},
    {"state_default", "join bob|levels {\"state_default\":0}", "m.room.name", "bob", "", "{}", true,
     OTHERWISE},
    {"events_default", "join bob|levels {\"events_default\":1}", "m.room.message", "bob", NULL,
     "{}", false, LEVEL},
    {"the event's own level", "join bob|levels {\"events\":{\"m.room.message\":1}}",
     "m.room.message", "bob", NULL, "{}", false, LEVEL},
    {"the event's own level reached",
     "join bob|levels {\"events\":{\"x.y\":1},\"users_default\":1}", "x.y", "bob", "", "{}", true,
     OTHERWISE},
    {"a level below zero", "join bob|levels {\"users_default\":-1}", "m.room.message", "bob", NULL,
     "{}", false, LEVEL},
    {"another user's state key", "", "x.y", "alice", "@bob:one", "{}", false, STATE_KEY},
    {"the own state key", "", "x.y", "alice", "@alice:one", "{}", true, OTHERWISE},
    {"a state key with @ inside", "", "x.y", "alice", "x@bob:one", "{}", true, OTHERWISE},
    {"third-party invite", "join bob", "third_party_invite", "bob", "token", "{}", true, THIRD},
    {"third-party invite without power", "join bob|levels {\"invite\":1}", "third_party_invite",
     "bob", "token", "{}", false, THIRD},
    {"third-party invite of a user's key", "join bob", "third_party_invite", "bob", "@x:y", "{}",
     true, THIRD},
    {"not federated, other server",
     "create {\"creator\":\"@alice:one\",\"m.federate\":false}|join "
     "carol",
     "m.room.message", "carol", NULL, "{}", false, FEDERATE},
    {"not federated, same server",
     "create {\"creator\":\"@alice:one\",\"m.federate\":false}|join bob", "m.room.message", "bob",
     NULL, "{}", true, OTHERWISE},
    {"federated", "create {\"creator\":\"@alice:one\",\"m.federate\":true}|join carol",
     "m.room.message", "carol", NULL, "{}", true, OTHERWISE},
    {"m.federate no boolean",
     "create {\"creator\":\"@alice:one\",\"m.federate\":\"false\"}|join carol", "m.room.message",
     "carol", NULL, "{}", true, OTHERWISE},
    {"no create event", "nocreate", "m.room.message", "alice", NULL, "{}", false,
     "1:2.4 3:2.4 6:2.4 11:2.4 12:2"},
    /* m.room.aliases has rules of its own up to version 5 */
    {"aliases without state key", "", "aliases", "alice", NULL, "{}", false,
     "1:4.1 2:4.1 3:4.1 5:4.1"},
    {"aliases of another server", "", "aliases", "alice", "two", "{}", false, "1:4.2 3:4.2 5:4.2"},
    {"aliases of nobody", "", "aliases", "carol", "two", "{}", true, "1:4.3 3:4.3 5:4.3"},
    {"aliases of nobody, later", "", "aliases", "carol", "two", "{}", false, "6:5 11:5 12:6"},
    {"aliases are state", "join bob", "aliases", "bob", "one", "{}", false, "6:7 10:7 12:8"},
};

static void plain(void **state)
{
    MYL_UNUSED(state);
    JUDGED(plain_cases);
}

/* MSC3757. */
#define OWNED "org.matrix.msc3757.10:"
static const judged_case owned_cases[] = {
    {"a suffixed key, without owned state", "", "x.y", "alice", "@alice:one_x", "{}", false,
     STATE_KEY},
    {"the own key", "join bob|levels {\"state_default\":0}", "x.y", "bob", "@bob:one", "{}", true,
     OWNED "10"},
    {"the own key with a suffix", "join bob|levels {\"state_default\":0}", "x.y", "bob",
     "@bob:one_x_y", "{}", true, OWNED "10"},
    {"a suffix without its mark", "join bob|levels {\"state_default\":0}", "x.y", "bob",
     "@bob:onex", "{}", false, OWNED "8"},
    {"a user of the same level", "join bob|levels {\"state_default\":0}", "x.y", "bob", "@dora:one",
     "{}", false, OWNED "8"},
    {"a user below", "join bob|levels {\"users\":{\"@alice:one\":100}}", "x.y", "alice",
     "@bob:one_x", "{}", true, OWNED "10"},
    {"a user above", "join bob|levels {\"users\":{\"@alice:one\":100},\"state_default\":0}", "x.y",
     "bob", "@alice:one_x", "{}", false, OWNED "8"},
    {"a key that is no user id", "", "x.y", "alice", "@oops", "{}", false, OWNED "8"},
};

static void owned(void **state)
{
    MYL_UNUSED(state);
    JUDGED(owned_cases);
}

#define CREATOR "\"creator\":\"@alice:one\""
static const judged_case create_cases[] = {
    {"lonely create", "nocreate", "create", "alice", "", "{" CREATOR "}", true,
     "1:1.5 2:1.5 3:1.5 6:1.5 7:1.5 8:1.5 10:1.5 11:1.4 12:1.5"},
    {"create behind another", "nocreate", "create", "alice", "", "{" CREATOR "}", false,
     "1:1.1 3:1.1 6:1.1 10:1.1 11:1.1 12:1.1"},
    {"lonely create of another server", "nocreate", "create", "carol", "", "{" CREATOR "}", false,
     "1:1.2 3:1.2 6:1.2 7:1.2 8:1.2 10:1.2 11:1.2"},
    {"lonely create of any server", "nocreate", "create", "carol", "", "{}", true, "12:1.5"},
    {"lonely create of version 12", "nocreate", "create", "alice", "",
     "{" CREATOR ",\"room_version\":\"12\"}", true, "1:1.5 11:1.4 12:1.5"},
    {"lonely create of no version", "nocreate", "create", "alice", "",
     "{" CREATOR ",\"room_version\":\"13\"}", false,
     "1:1.3 3:1.3 6:1.3 8:1.3 10:1.3 11:1.3 12:1.3"},
    {"lonely create of version number", "nocreate", "create", "alice", "",
     "{" CREATOR ",\"room_version\":12}", false, "1:1.3 11:1.3 12:1.3"},
    {"lonely create without creator", "nocreate", "create", "alice", "", "{}", false,
     "1:1.4 3:1.4 6:1.4 7:1.4 8:1.4 9:1.4 10:1.4"},
    {"lonely create without creator, later", "nocreate", "create", "alice", "", "{}", true,
     "11:1.4 12:1.5"},
    {"lonely create with creators", "nocreate", "create", "alice", "",
     "{\"additional_creators\":[\"@a:b\",\"@:c\"]}", true, "12:1.5"},
    {"lonely create with no creators", "nocreate", "create", "alice", "",
     "{\"additional_creators\":[]}", true, "12:1.5"},
    {"lonely create with creators no list", "nocreate", "create", "alice", "",
     "{\"additional_creators\":\"@a:b\"}", false, "12:1.4"},
    {"lonely create with a creator no id", "nocreate", "create", "alice", "",
     "{\"additional_creators\":[\"@a:b\",\"x\"]}", false, "12:1.4"},
    {"lonely create with a creator no text", "nocreate", "create", "alice", "",
     "{\"additional_creators\":[5]}", false, "12:1.4"},
    {"lonely create with creators, earlier", "nocreate", "create", "alice", "",
     "{" CREATOR ",\"additional_creators\":5}", true, "10:1.5 11:1.4"},
};

static void create(void **state)
{
    MYL_UNUSED(state);
    JUDGED(create_cases);
}

static const myl_event *find_one(void *arg, const char *type, myl_str state_key)
{
    const myl_event *event = arg;
    return event != NULL && myl_event_is(event, type, state_key) ? event : NULL;
}

/* Rule 1.2 of version 12: a create event that carries a room_id. */
static void create_with_room_id(void **state)
{
    MYL_UNUSED(state);
    myl_ctx cx;
    myl_ctx_begin(&cx);
    const myl_room_version *version = myl_room_version_find(MYL_S("12"));
    myl_event *event = judged_event(&cx, version, "create", MYL_S(""), "alice");
    event->prev_event_count = 0;
    event->json = judged_json(&cx, "{\"room_id\":null}");
    myl_auth_state none = {find_one, NULL};
    myl_verdict got = myl_rules_auth(&cx, event, &none);
    assert_false(got.allowed);
    assert_string_equal(got.rule, "1.2");
    myl_ctx_end(&cx);
}

/* Rule 2 of version 12: the room id names the create event, which was accepted. */
static void room_of_version_12(void **state)
{
    MYL_UNUSED(state);
    static const struct {
        const char *name, *create_id, *room_id;
        bool rejected, there;
    } rooms[] = {
        {"accepted", "$abc", "!abc", false, true}, {"rejected", "$abc", "!abc", true, false},
        {"another", "$abc", "!abd", false, false}, {"longer", "$abc", "!abcd", false, false},
        {"no room id", "$abc", "", false, false},  {"no event id", "", "!", false, false},
    };
    for (size_t i = 0; i < sizeof rooms / sizeof *rooms; i++) {
        myl_ctx cx;
        myl_ctx_begin(&cx);
        const myl_room_version *version = myl_room_version_find(MYL_S("12"));
        myl_event *made = judged_event(&cx, version, "create", MYL_S(""), "alice");
        made->event_id = myl_str_of(rooms[i].create_id);
        made->rejected = rooms[i].rejected;
        myl_event *event = judged_event(&cx, version, "x.y", MYL_ABSENT, "alice");
        event->room_id = myl_str_of(rooms[i].room_id);
        myl_auth_state one = {find_one, made};
        myl_verdict got = myl_rules_auth(&cx, event, &one);
        assert_false(got.allowed);
        if (strcmp(got.rule, rooms[i].there ? "6" : "2") != 0)
            fail_msg("%s: got %s", rooms[i].name, got.rule);
        myl_ctx_end(&cx);
    }
}

/* Rule 11 of versions 1 and 2. */
static void redaction(void **state)
{
    MYL_UNUSED(state);
    static const struct {
        const char *name, *version, *levels, *id, *redacts;
        bool allowed;
        const char *rule;
    } redactions[] = {
        {"power", "1", "{\"redact\":0}", "$a:one", "$b:two", true, "11.1"},
        {"same server", "1", "{}", "$a:two", "$b:two", true, "11.2"},
        {"same server, 2", "2", "{}", "$a:two", "$b:two", true, "11.2"},
        {"other server", "1", "{}", "$a:one", "$b:two", false, "11.3"},
        {"redacts nothing", "2", "{}", "$a:one", NULL, false, "11.3"},
        {"no domain", "2", "{}", "$a:one", "$b", false, "11.3"},
        {"later", "3", "{}", "$a", "$b", true, "11"},
        {"later needs the level of its type", "12", "{\"events\":{\"m.room.redaction\":1}}", "$a",
         "$b", false, "8"},
    };
    for (size_t i = 0; i < sizeof redactions / sizeof *redactions; i++) {
        judged_case c = {.name = redactions[i].name,
                         .type = "redaction",
                         .sender = "bob",
                         .content = "{}",
                         .allowed = redactions[i].allowed};
        myl_ctx cx;
        myl_ctx_begin(&cx);
        const myl_room_version *version = myl_room_version_find(myl_str_of(redactions[i].version));
        myl_event *made = judged_event(&cx, version, "create", MYL_S(""), "alice");
        made->event_id = judged_id(&cx, version, "create");
        myl_event *member = judged_event(&cx, version, "member", judged_user(&cx, "bob"), "bob");
        member->content = judged_json(&cx, "{\"membership\":\"join\"}");
        myl_event *levels = judged_event(&cx, version, "power_levels", MYL_S(""), "alice");
        levels->content = judged_json(&cx, redactions[i].levels);
        myl_event *event = judged_event(&cx, version, c.type, MYL_ABSENT, c.sender);
        event->event_id = myl_str_of(redactions[i].id);
        event->redacts = myl_str_of(redactions[i].redacts);
        const myl_event *held[] = {made, member, levels, NULL};
        myl_verdict got = {0};
        myl_auth_state all = {judged_find, held};
        got = myl_rules_auth(&cx, event, &all);
        if (got.allowed != c.allowed || strcmp(got.rule, redactions[i].rule) != 0)
            fail_msg("%s: got %d by %s", c.name, got.allowed, got.rule);
        myl_ctx_end(&cx);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain),
        cmocka_unit_test(owned),
        cmocka_unit_test(create),
        cmocka_unit_test(create_with_room_id),
        cmocka_unit_test(room_of_version_12),
        cmocka_unit_test(redaction),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
