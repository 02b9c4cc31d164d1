/* test_auth_member.c: the auth rules on m.room.member, each in both ways, with their numbers on all pages.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "rules/judged_room.h"

/* Numbers on the pages of versions 1, 3, 6, 7, 8, 10, 11, 12. */
#define FROM_8(i) "8:4." i " 9:4." i " 10:4." i " 11:4." i
#define UP_TO_7(five, four) "1:5." five " 2:5." five " 3:5." five " 6:4." four " 7:4." four " "
#define JOIN(i) UP_TO_7("2." i, "2." i) FROM_8("3." i) " 12:5.3." i
#define JOIN_LATE(old, new) UP_TO_7("2." old, "2." old) FROM_8("3." new) " 12:5.3." new
#define INVITE(i) UP_TO_7("3." i, "3." i) FROM_8("4." i) " 12:5.4." i
#define LEAVE(i) UP_TO_7("4." i, "4." i) FROM_8("5." i) " 12:5.5." i
#define BAN(i) UP_TO_7("5." i, "5." i) FROM_8("6." i) " 12:5.6." i
#define KNOCK(i) "7:4.6." i " " FROM_8("7." i) " 12:5.7." i
#define UNKNOWN "1:5.6 3:5.6 6:4.6 7:4.7 8:4.8 10:4.8 11:4.8 12:5.8"

#define MEMBERSHIP(word) "{\"membership\":\"" word "\"}"
#define J MEMBERSHIP("join")
#define I MEMBERSHIP("invite")
#define L MEMBERSHIP("leave")
#define B MEMBERSHIP("ban")
#define K MEMBERSHIP("knock")
#define BY(user) "{\"join_authorised_via_users_server\":" user ",\"membership\":\"join\"}"

static const judged_case form_cases[] = {
    {"no state key", "", "member", "alice", NULL, J, false,
     "1:5.1 3:5.1 6:4.1 7:4.1 8:4.1 10:4.1 11:4.1 12:5.1"},
    {"no membership", "", "member", "alice", "alice", "{}", false,
     "1:5.1 3:5.1 6:4.1 7:4.1 8:4.1 10:4.1 11:4.1 12:5.1"},
    {"membership no text", "", "member", "alice", "alice", "{\"membership\":5}", false, UNKNOWN},
    {"membership unknown", "", "member", "alice", "alice", MEMBERSHIP("x"), false, UNKNOWN},
    {"knock before version 7", "rule knock", "member", "bob", "bob", K, false, "1:5.6 5:5.6 6:4.6"},
};

static const judged_case join_cases[] = {
    {"first join of the creator", "nocreate|create {\"creator\":\"@alice:one\"}", "member", "alice",
     "alice", J, true, JOIN("1")},
    {"first join of the creator by another", "", "member", "bob", "alice", J, true, JOIN("1")},
    {"first join of another", "rule x", "member", "bob", "bob", J, false, JOIN_LATE("6", "7")},
    {"first join of content.creator", "create {\"creator\":\"@bob:one\"}", "member", "bob", "bob",
     J, true, "1:5.2.1 6:4.2.1 10:4.3.1"},
    {"first join of content.creator, later", "create {\"creator\":\"@bob:one\"}|rule x", "member",
     "bob", "bob", J, false, "11:4.3.7 12:5.3.7"},
    {"first join of a creator no text", "create {\"creator\":5}|rule x|leave alice", "member",
     "alice", "alice", J, false, "1:5.2.6 10:4.3.7"},
    {"first join of an additional creator",
     "create {\"additional_creators\":[\"@bob:one\"]}|rule x", "member", "bob", "bob", J, false,
     "12:5.3.7"},
    {"later join of the creator", "leave alice|rule x", "member", "alice", "alice", J, false,
     JOIN_LATE("6", "7")},
    {"lonely join of the creator", "leave alice|rule x", "member", "alice", "alice", J, false,
     JOIN_LATE("6", "7")},
    {"join for another", "rule public", "member", "alice", "bob", J, false, JOIN("2")},
    {"join of one banned", "rule public|ban bob", "member", "bob", "bob", J, false, JOIN("3")},
    {"invited", "rule invite|invite bob", "member", "bob", "bob", J, true, JOIN("4")},
    {"joined", "rule invite|join bob", "member", "bob", "bob", J, true, JOIN("4")},
    {"invited, without join rules", "invite bob", "member", "bob", "bob", J, true, JOIN("4")},
    {"invited, join rules say nothing", "invite bob|rules {}", "member", "bob", "bob", J, true,
     JOIN("4")},
    {"invited, join rule no text", "invite bob|rules {\"join_rule\":5}", "member", "bob", "bob", J,
     false, JOIN_LATE("6", "7")},
    {"not invited", "rule invite", "member", "bob", "bob", J, false, JOIN_LATE("6", "7")},
    {"knocked", "rule invite|knock bob", "member", "bob", "bob", J, false, JOIN_LATE("6", "7")},
    {"invited after a knock", "rule knock|invite bob", "member", "bob", "bob", J, true,
     "7:4.2.4 8:4.3.4 12:5.3.4"},
    {"rule knock before 7", "rule knock|invite bob", "member", "bob", "bob", J, false,
     "1:5.2.6 5:5.2.6 6:4.2.6"},
    {"public", "rule public", "member", "bob", "bob", J, true, JOIN_LATE("5", "6")},
    {"public, after leaving", "rule public|leave bob", "member", "bob", "bob", J, true,
     JOIN_LATE("5", "6")},
    {"private", "rule private|invite bob", "member", "bob", "bob", J, false, JOIN_LATE("6", "7")},
};

#define RESTRICTED(i) "8:4.3.5." i " 9:4.3.5." i " 10:4.3.5." i " 11:4.3.5." i " 12:5.3.5." i
static const judged_case restricted_cases[] = {
    {"restricted, invited", "rule restricted|invite bob", "member", "bob", "bob", J, true,
     RESTRICTED("1")},
    {"restricted, joined", "rule restricted|join bob", "member", "bob", "bob", J, true,
     RESTRICTED("1")},
    {"restricted, banned", "rule restricted|ban bob", "member", "bob", "bob", BY("\"@alice:one\""),
     false, "8:4.3.3 12:5.3.3"},
    {"restricted, nobody authorises", "rule restricted", "member", "bob", "bob", J, false,
     RESTRICTED("2")},
    {"restricted, authorised", "rule restricted", "member", "bob", "bob", BY("\"@alice:one\""),
     true, RESTRICTED("3")},
    {"restricted, authorised by a stranger", "rule restricted", "member", "bob", "bob",
     BY("\"@carol:two\""), false, RESTRICTED("2")},
    {"restricted, authorised by one who left", "rule restricted|leave carol", "member", "bob",
     "bob", BY("\"@carol:two\""), false, RESTRICTED("2")},
    {"restricted, authorised without power",
     "rule restricted|join carol|levels {\"invite\":1,\"users\":{\"@alice:one\":1}}", "member",
     "bob", "bob", BY("\"@carol:two\""), false, RESTRICTED("2")},
    {"restricted, authorised with power",
     "rule restricted|join carol|levels "
     "{\"invite\":1,\"users\":{\"@carol:two\":1}}",
     "member", "bob", "bob", BY("\"@carol:two\""), true, RESTRICTED("3")},
    {"restricted, authoriser no text", "rule restricted", "member", "bob", "bob", BY("5"), false,
     RESTRICTED("2")},
    {"restricted before 8", "rule restricted|invite bob", "member", "bob", "bob", J, false,
     "1:5.2.6 6:4.2.6 7:4.2.6"},
    {"knock_restricted before 10", "rule knock_restricted|invite bob", "member", "bob", "bob", J,
     false, "1:5.2.6 7:4.2.6 8:4.3.7 9:4.3.7"},
    {"knock_restricted, invited", "rule knock_restricted|invite bob", "member", "bob", "bob", J,
     true, "10:4.3.5.1 11:4.3.5.1 12:5.3.5.1"},
    {"knock_restricted, nobody authorises", "rule knock_restricted", "member", "bob", "bob", J,
     false, "10:4.3.5.2 11:4.3.5.2 12:5.3.5.2"},
    {"knock_restricted, authorised", "rule knock_restricted", "member", "bob", "bob",
     BY("\"@alice:one\""), true, "10:4.3.5.3 11:4.3.5.3 12:5.3.5.3"},
};

#define LOW "|levels {\"ban\":50,\"invite\":10,\"kick\":50,\"users\":{\"@dave:one\":50}}"
static const judged_case invite_cases[] = {
    {"invite of a stranger's", "", "member", "bob", "carol", I, false, INVITE("2")},
    {"invite of one invited", "invite bob", "member", "bob", "carol", I, false, INVITE("2")},
    {"invite of a member", "join bob", "member", "alice", "bob", I, false, INVITE("3")},
    {"invite of one banned", "ban bob", "member", "alice", "bob", I, false, INVITE("3")},
    {"invite", "", "member", "alice", "bob", I, true, INVITE("4")},
    {"invite again", "invite bob", "member", "alice", "bob", I, true, INVITE("4")},
    {"invite after a knock", "knock bob", "member", "alice", "bob", I, true, INVITE("4")},
    {"invite by anyone", "join bob", "member", "bob", "carol", I, true, INVITE("4")},
    {"invite without power", "join bob" LOW, "member", "bob", "carol", I, false, INVITE("5")},
};

static const judged_case leave_cases[] = {
    {"leave", "join bob", "member", "bob", "bob", L, true, LEAVE("1")},
    {"refuse an invite", "invite bob", "member", "bob", "bob", L, true, LEAVE("1")},
    {"leave from nowhere", "", "member", "bob", "bob", L, false, LEAVE("1")},
    {"leave a ban", "ban bob", "member", "bob", "bob", L, false, LEAVE("1")},
    {"leave twice", "leave bob", "member", "bob", "bob", L, false, LEAVE("1")},
    {"take a knock back", "knock bob", "member", "bob", "bob", L, true,
     "7:4.4.1 8:4.5.1 11:4.5.1 12:5.5.1"},
    {"take a knock back before 7", "knock bob", "member", "bob", "bob", L, false,
     "1:5.4.1 3:5.4.1 6:4.4.1"},
    {"kick by a stranger", "join bob", "member", "carol", "bob", L, false, LEAVE("2")},
    {"unban without power", "ban bob|join dave|levels {\"ban\":51,\"users\":{\"@dave:one\":50}}",
     "member", "dave", "bob", L, false, LEAVE("3")},
    {"unban", "ban bob|join dave" LOW, "member", "dave", "bob", L, true, LEAVE("4")},
    {"kick", "join bob|join dave" LOW, "member", "dave", "bob", L, true, LEAVE("4")},
    {"take an invite back", "invite bob|join dave" LOW, "member", "dave", "bob", L, true,
     LEAVE("4")},
    {"kick an equal", "join erin|join dave|levels {\"users\":{\"@dave:one\":50,\"@erin:one\":50}}",
     "member", "dave", "erin", L, false, LEAVE("5")},
    {"kick without power", "join bob|join dave|levels {\"kick\":51,\"users\":{\"@dave:one\":50}}",
     "member", "dave", "bob", L, false, LEAVE("5")},
};

static const judged_case ban_cases[] = {
    {"ban by a stranger", "join bob", "member", "carol", "bob", B, false, BAN("1")},
    {"ban", "join bob|join dave" LOW, "member", "dave", "bob", B, true, BAN("2")},
    {"ban a stranger", "join dave" LOW, "member", "dave", "bob", B, true, BAN("2")},
    {"ban oneself", "join dave" LOW, "member", "dave", "dave", B, false, BAN("3")},
    {"ban an equal", "join erin|join dave|levels {\"users\":{\"@dave:one\":50,\"@erin:one\":50}}",
     "member", "dave", "erin", B, false, BAN("3")},
    {"ban without power", "join bob|join dave|levels {\"ban\":51,\"users\":{\"@dave:one\":50}}",
     "member", "dave", "bob", B, false, BAN("3")},
    {"ban a creator", "join dave|levels {\"users\":{\"@dave:one\":9007199254740991}}", "member",
     "dave", "alice", B, false, "12:5.6.3"},
    {"ban a creator of old", "join dave|levels {\"users\":{\"@dave:one\":50}}", "member", "dave",
     "alice", B, true, "1:5.5.2 11:4.6.2"},
    {"a creator bans a creator", "create {\"additional_creators\":[\"@bob:one\"]}|join bob",
     "member", "alice", "bob", B, false, "12:5.6.3"},
};

static const judged_case knock_cases[] = {
    {"knock on an invite room", "rule invite", "member", "bob", "bob", K, false, KNOCK("1")},
    {"knock without join rules", "", "member", "bob", "bob", K, false, KNOCK("1")},
    {"knock for another", "rule knock", "member", "alice", "bob", K, false, KNOCK("2")},
    {"knock", "rule knock", "member", "bob", "bob", K, true, KNOCK("3")},
    {"knock after leaving", "rule knock|leave bob", "member", "bob", "bob", K, true, KNOCK("3")},
    {"knock again", "rule knock|knock bob", "member", "bob", "bob", K, true, KNOCK("3")},
    {"knock of one banned", "rule knock|ban bob", "member", "bob", "bob", K, false, KNOCK("4")},
    {"knock of one invited", "rule knock|invite bob", "member", "bob", "bob", K, false, KNOCK("4")},
    {"knock of a member", "rule knock|join bob", "member", "bob", "bob", K, false, KNOCK("4")},
    {"knock, knock_restricted", "rule knock_restricted", "member", "bob", "bob", K, true,
     "10:4.7.3 11:4.7.3 12:5.7.3"},
    {"knock, knock_restricted before 10", "rule knock_restricted", "member", "bob", "bob", K, false,
     "7:4.6.1 8:4.7.1 9:4.7.1"},
    {"knock, restricted", "rule restricted", "member", "bob", "bob", K, false, KNOCK("1")},
};

static void form(void **state)
{
    MYL_UNUSED(state);
    JUDGED(form_cases);
}
static void join(void **state)
{
    MYL_UNUSED(state);
    JUDGED(join_cases);
}
static void restricted(void **state)
{
    MYL_UNUSED(state);
    JUDGED(restricted_cases);
}
static void invite(void **state)
{
    MYL_UNUSED(state);
    JUDGED(invite_cases);
}
static void leave(void **state)
{
    MYL_UNUSED(state);
    JUDGED(leave_cases);
}
static void ban(void **state)
{
    MYL_UNUSED(state);
    JUDGED(ban_cases);
}
static void knock(void **state)
{
    MYL_UNUSED(state);
    JUDGED(knock_cases);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(form),   cmocka_unit_test(join),  cmocka_unit_test(restricted),
        cmocka_unit_test(invite), cmocka_unit_test(leave), cmocka_unit_test(ban),
        cmocka_unit_test(knock),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
