/* test_auth_levels.c: the auth rules on m.room.power_levels, each in both ways, with their numbers on all pages.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "rules/judged_room.h"

/* Numbers by page; the lists of versions 10 to 12 are longer at the start. */
#define OLD(i) "1:10." i " 2:10." i " 3:10." i " 6:9." i " 7:9." i " 8:9." i
#define RULE(old, ten, twelve) OLD(old) " 10:9." ten " 11:9." ten " 12:10." twelve
#define USERS RULE("1", "3", "3")
#define FIRST RULE("2", "4", "5")
#define CURRENT RULE("3.1", "5.1", "6.1")
#define NEW RULE("3.2", "5.2", "6.2")
#define EVENTS_CURRENT RULE("4.1", "6.1", "7.1")
#define EVENTS_NEW RULE("5.1", "7.1", "8.1")
#define USERS_CURRENT RULE("6.1", "8.1", "9.1")
#define USERS_NEW RULE("7.1", "9.1", "10.1")
#define ALLOWED RULE("8", "10", "11")

#define BY_ALICE(name, content, allowed, rules)                                                    \
    {                                                                                              \
        name, "", "power_levels", "alice", "", content, allowed, rules                             \
    }

static const judged_case form_cases[] = {
    BY_ALICE("first", "{\"users\":{\"@bob:one\":50}}", true, FIRST),
    BY_ALICE("first, without users", "{}", true, FIRST),
    BY_ALICE("users a list", "{\"users\":[]}", false, USERS),
    BY_ALICE("users null", "{\"users\":null}", false, USERS),
    BY_ALICE("users with no id", "{\"users\":{\"bob\":50}}", false, USERS),
    BY_ALICE("historical user", "{\"users\":{\"@:one\":50}}", true, FIRST),
    BY_ALICE("level true", "{\"users\":{\"@bob:one\":true}}", false, USERS),
    BY_ALICE("level null", "{\"users\":{\"@bob:one\":null}}", false, USERS),
    BY_ALICE("level no number", "{\"users\":{\"@bob:one\":\"x\"}}", false, USERS),
    BY_ALICE("level a text", "{\"users\":{\"@bob:one\":\" +007 \"}}", true, OLD("2")),
    BY_ALICE("level a text, later", "{\"users\":{\"@bob:one\":\"7\"}}", false,
             "10:9.3 11:9.3 12:10.3"),
    BY_ALICE("level a float", "{\"users\":{\"@bob:one\":7.5}}", true, "1:10.2 3:10.2 5:10.2"),
    BY_ALICE("level too large a float", "{\"users\":{\"@bob:one\":1e309}}", false, "1:10.1 5:10.1"),
    BY_ALICE("ban too large a float", "{\"ban\":-1e309}", false, "1:10.1 5:10.1"),
    BY_ALICE("event too large a float", "{\"events\":{\"x\":1e309}}", false, "1:10.1 5:10.1"),
    BY_ALICE("notification too large a float", "{\"notifications\":{\"x\":1e309}}", false,
             "1:10.1 5:10.1"),
    BY_ALICE("ban a text", "{\"ban\":\"50\"}", true, OLD("2")),
    BY_ALICE("ban a text, later", "{\"ban\":\"50\"}", false, "10:9.1 11:9.1 12:10.1"),
    BY_ALICE("ban no level", "{\"ban\":{}}", true, OLD("2")),
    BY_ALICE("invite null", "{\"invite\":null}", false, "10:9.1 11:9.1 12:10.1"),
    BY_ALICE("events a list", "{\"events\":[]}", true, OLD("2")),
    BY_ALICE("events a list, later", "{\"events\":[]}", false, "10:9.2 11:9.2 12:10.2"),
    BY_ALICE("events with a text", "{\"events\":{\"x\":\"1\"}}", false, "10:9.2 11:9.2 12:10.2"),
    BY_ALICE("notifications with a text", "{\"notifications\":{\"x\":\"1\"}}", false,
             "10:9.2 11:9.2 12:10.2"),
    BY_ALICE("notifications a number", "{\"notifications\":1}", false, "10:9.2 11:9.2 12:10.2"),
    BY_ALICE("all integers", "{\"ban\":-1,\"events\":{\"x\":1},\"notifications\":{\"room\":1}}",
             true, FIRST),
    /* version 12 */
    BY_ALICE("the creator has a level", "{\"users\":{\"@alice:one\":100}}", false, "12:10.4"),
    BY_ALICE("the creator has a level, before", "{\"users\":{\"@alice:one\":100}}", true, "11:9.4"),
    {"an additional creator has a level", "create {\"additional_creators\":[5,\"@bob:one\"]}",
     "power_levels", "alice", "", "{\"users\":{\"@bob:one\":1}}", false, "12:10.4"},
    {"nobody has a level", "create {\"additional_creators\":[\"@bob:one\"]}", "power_levels",
     "alice", "", "{}", true, "12:10.5"},
};

/* dave has 50 of these. */
#define BEFORE                                                                                     \
    "join dave|levels {\"ban\":60,\"events\":{\"a\":40,\"b\":60},\"kick\":40,"                     \
    "\"notifications\":{\"a\":40,\"b\":60},\"state_default\":50,"                                  \
    "\"users\":{\"@bob:one\":50,\"@carol:two\":60,\"@dave:one\":50,\"@erin:one\":40}}"
#define SINGLES "\"ban\":60,\"kick\":40,\"state_default\":50,"
#define NOTIFICATIONS "\"notifications\":{\"a\":40,\"b\":60},"
#define EVENTS "\"events\":{\"a\":40,\"b\":60},"
#define USERS_OF(bob, carol, dave, erin)                                                           \
    "\"users\":{\"@bob:one\":" bob ",\"@carol:two\":" carol ",\"@dave:one\":" dave                 \
    ",\"@erin:one\":" erin "}"
#define SAME_USERS USERS_OF("50", "60", "50", "40")
#define BY_DAVE(name, content, allowed, rules)                                                     \
    {                                                                                              \
        name, BEFORE, "power_levels", "dave", "", "{" content "}", allowed, rules                  \
    }

static const judged_case change_cases[] = {
    BY_DAVE("no change", SINGLES EVENTS NOTIFICATIONS SAME_USERS, true, ALLOWED),
    BY_DAVE("kick raised",
            "\"ban\":60,\"kick\":50,\"state_default\":50," EVENTS NOTIFICATIONS SAME_USERS, true,
            ALLOWED),
    BY_DAVE("ban lowered",
            "\"ban\":50,\"kick\":40,\"state_default\":50," EVENTS NOTIFICATIONS SAME_USERS, false,
            CURRENT),
    BY_DAVE("ban removed", "\"kick\":40,\"state_default\":50," EVENTS NOTIFICATIONS SAME_USERS,
            false, CURRENT),
    BY_DAVE("kick raised too far",
            "\"ban\":60,\"kick\":51,\"state_default\":50," EVENTS NOTIFICATIONS SAME_USERS, false,
            NEW),
    BY_DAVE("redact added too high", SINGLES "\"redact\":51," EVENTS NOTIFICATIONS SAME_USERS,
            false, NEW),
    BY_DAVE("redact added", SINGLES "\"redact\":50," EVENTS NOTIFICATIONS SAME_USERS, true,
            ALLOWED),
    BY_DAVE("event removed", SINGLES "\"events\":{\"b\":60}," NOTIFICATIONS SAME_USERS, true,
            ALLOWED),
    BY_DAVE("higher event removed", SINGLES "\"events\":{\"a\":40}," NOTIFICATIONS SAME_USERS,
            false, EVENTS_CURRENT),
    BY_DAVE("higher event changed",
            SINGLES "\"events\":{\"a\":40,\"b\":1}," NOTIFICATIONS SAME_USERS, false,
            EVENTS_CURRENT),
    BY_DAVE("event raised too far",
            SINGLES "\"events\":{\"a\":51,\"b\":60}," NOTIFICATIONS SAME_USERS, false, EVENTS_NEW),
    BY_DAVE("event added too high",
            SINGLES "\"events\":{\"a\":40,\"aa\":51,\"b\":60}," NOTIFICATIONS SAME_USERS, false,
            EVENTS_NEW),
    BY_DAVE("event added",
            SINGLES "\"events\":{\"a\":40,\"b\":60,\"c\":50}," NOTIFICATIONS SAME_USERS, true,
            ALLOWED),
    BY_DAVE("higher notification removed", SINGLES EVENTS SAME_USERS, false,
            "6:9.4.1 7:9.4.1 8:9.4.1 10:9.6.1 11:9.6.1 12:10.7.1"),
    BY_DAVE("higher notification removed, before", SINGLES EVENTS SAME_USERS, true,
            "1:10.8 3:10.8 5:10.8"),
    BY_DAVE("notification added too high",
            SINGLES EVENTS "\"notifications\":{\"a\":40,\"b\":60,\"c\":51}," SAME_USERS, false,
            "6:9.5.1 7:9.5.1 8:9.5.1 10:9.7.1 11:9.7.1 12:10.8.1"),
    BY_DAVE("notification added too high, before",
            SINGLES EVENTS "\"notifications\":{\"a\":40,\"b\":60,\"c\":51}," SAME_USERS, true,
            "1:10.8 3:10.8 5:10.8"),
    BY_DAVE("an equal lowered", SINGLES EVENTS NOTIFICATIONS USERS_OF("49", "60", "50", "40"),
            false, USERS_CURRENT),
    BY_DAVE("a higher one lowered", SINGLES EVENTS NOTIFICATIONS USERS_OF("50", "1", "50", "40"),
            false, USERS_CURRENT),
    BY_DAVE("a higher one removed",
            SINGLES EVENTS NOTIFICATIONS
            "\"users\":{\"@bob:one\":50,\"@dave:one\":50,\"@erin:one\":40}",
            false, USERS_CURRENT),
    BY_DAVE("oneself lowered", SINGLES EVENTS NOTIFICATIONS USERS_OF("50", "60", "49", "40"), true,
            ALLOWED),
    BY_DAVE("oneself raised", SINGLES EVENTS NOTIFICATIONS USERS_OF("50", "60", "51", "40"), false,
            USERS_NEW),
    BY_DAVE("a lower one raised", SINGLES EVENTS NOTIFICATIONS USERS_OF("50", "60", "50", "50"),
            true, ALLOWED),
    BY_DAVE("a lower one raised too far",
            SINGLES EVENTS NOTIFICATIONS USERS_OF("50", "60", "50", "51"), false, USERS_NEW),
    BY_DAVE("one added too high",
            SINGLES EVENTS NOTIFICATIONS
            "\"users\":{\"@bob:one\":50,\"@carol:two\":60,\"@dave:one\":50,\"@erin:one\":40,"
            "\"@frank:one\":51}",
            false, USERS_NEW),
    BY_DAVE("the same as text",
            "\"ban\":\"60\",\"kick\":40,\"state_default\":\"050\"," EVENTS NOTIFICATIONS
                USERS_OF("50", "\"60\"", "50", "40"),
            true, OLD("8")),
    BY_DAVE("the same as float",
            "\"ban\":60.9,\"kick\":40,\"state_default\":5e1," EVENTS NOTIFICATIONS SAME_USERS, true,
            "1:10.8 5:10.8"),
    BY_DAVE("no level where none was", SINGLES "\"redact\":{}," EVENTS NOTIFICATIONS SAME_USERS,
            true, OLD("8")),
    BY_DAVE("no level where one was",
            "\"ban\":{},\"kick\":40,\"state_default\":50," EVENTS NOTIFICATIONS SAME_USERS, false,
            OLD("3.1")),
};

static const judged_case power_cases[] = {
    {"creators change what they like", BEFORE, "power_levels", "alice", "", "{\"ban\":1000}", true,
     "12:10.11"},
    {"the creator of old cannot", BEFORE, "power_levels", "alice", "", "{\"ban\":1000}", false,
     "1:8 11:7"},
    {"huge levels", "join dave|levels {\"users\":{\"@dave:one\":123456789012345678901}}",
     "power_levels", "dave", "",
     "{\"ban\":123456789012345678901,\"users\":{\"@dave:one\":123456789012345678901}}", true,
     "1:10.8 5:10.8"},
    {"huger levels", "join dave|levels {\"users\":{\"@dave:one\":123456789012345678901}}",
     "power_levels", "dave", "",
     "{\"ban\":123456789012345678902,\"users\":{\"@dave:one\":123456789012345678901}}", false,
     "1:10.3.2 5:10.3.2"},
    {"needs the level of its type", "join dave|levels {\"users\":{\"@dave:one\":49}}",
     "power_levels", "dave", "", "{}", false, "1:8 6:7 11:7 12:8"},
};

static void forms(void **state)
{
    MYL_UNUSED(state);
    JUDGED(form_cases);
}

static void changes(void **state)
{
    MYL_UNUSED(state);
    JUDGED(change_cases);
}

static void power(void **state)
{
    MYL_UNUSED(state);
    JUDGED(power_cases);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forms),
        cmocka_unit_test(changes),
        cmocka_unit_test(power),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
