/* test_explain.c: `myelin explain-state`: what it says of forks, steps, refusals and bad lines.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include <myelin/cmd_explain.h>

#include "cmd/explain_own.h"

/* --- requests --------------------------------------------------------------------------------- */

typedef struct {
    myl_ctx *cx;
    const myl_room_version *version;
    myl_text events;
    myl_map *ids; /* name -> myl_str* */
    myl_str room_id;
    int64_t now;
    const char *last; /* name of the event before */
} request;

typedef struct {
    const char *name, *type, *sender, *key, *content, *auth;
} pdu;

static request request_start(myl_ctx *cx, const char *version)
{
    return (request){.cx = cx,
                     .version = myl_room_version_find(myl_str_of(version)),
                     .events = MYL_TEXT(cx),
                     .ids = myl_map_start(cx, 16),
                     .room_id = MYL_S("!room:hs"),
                     .now = 1000};
}

static myl_str id_of(const request *all, const char *name)
{
    const myl_str *id = myl_map_get(all->ids, myl_str_of(name));
    assert_non_null(id);
    return *id;
}

/* "A B" as the version's list of references. */
static myl_str references(request *all, const char *names)
{
    myl_text out = myl_text_start(all->cx, 64);
    myl_text_add_byte(&out, '[');
    for (const char *at = names; *at != '\0';) {
        char name[32];
        size_t length = strcspn(at, " ");
        memcpy(name, at, length);
        name[length] = '\0';
        const char *form =
            all->version->pair_references ? "%s[\"%.*s\",{\"sha256\":\"\"}]" : "%s\"%.*s\"";
        myl_text_addf(&out, form, at == names ? "" : ",", MYL_FMT(id_of(all, name)));
        at += length + (at[length] != '\0');
    }
    myl_text_add_byte(&out, ']');
    return myl_text_str(&out);
}

static void add(request *all, const pdu *from)
{
    myl_ctx *cx = all->cx;
    bool bare = all->last == NULL && all->version->room_id_is_create;
    bool given = all->version->event_id == MYL_EVENT_ID_GIVEN;
    myl_str text = myl_strf(
        cx,
        "{\"auth_events\":%.*s,\"content\":%s,\"depth\":%lld,%s%s%s\"hashes\":{\"sha256\":\"\"},"
        "\"origin_server_ts\":%lld,\"prev_events\":%.*s,%s%.*s%s\"sender\":\"%s\",\"signatures\":{}"
        ","
        "\"state_key\":\"%s\",\"type\":\"m.room.%s\"}",
        MYL_FMT(references(all, from->auth)), from->content, (long long)all->now,
        given ? "\"event_id\":\"$" : "", given ? from->name : "", given ? ":hs\"," : "",
        (long long)all->now, MYL_FMT(references(all, all->last == NULL ? "" : all->last)),
        bare ? "" : "\"room_id\":\"", MYL_FMT(bare ? MYL_S("") : all->room_id), bare ? "" : "\",",
        from->sender, from->key, from->type);
    const myl_json *json;
    myl_str *id = myl_new(cx, myl_str);
    assert_int_equal(myl_json_parse(cx, text, &json), MYL_OK);
    assert_int_equal(myl_event_id(cx, all->version, json, id), MYL_OK);
    *myl_map_slot(all->ids, myl_str_of(from->name)) = id;
    if (bare)
        all->room_id = myl_strf(cx, "!%.*s", MYL_FMT(myl_str_slice(*id, 1, id->len)));
    if (all->last != NULL)
        myl_text_add_byte(&all->events, ',');
    myl_text_add(&all->events, text);
    all->last = from->name;
    all->now++;
}

static void add_all(request *all, const pdu *pdus, size_t count)
{
    for (size_t i = 0; i < count; i++)
        add(all, &pdus[i]);
}
#define ADD(all, ...)                                                                              \
    add_all((all), (const pdu[]){__VA_ARGS__}, sizeof((const pdu[]){__VA_ARGS__}) / sizeof(pdu))

static myl_str ids_of(request *all, const char *names)
{
    bool pairs = all->version->pair_references;
    myl_room_version plain = *all->version;
    const myl_room_version *kept = all->version;
    plain.pair_references = false;
    all->version = &plain;
    myl_str list = references(all, names);
    all->version = kept;
    assert_int_equal(kept->pair_references, pairs);
    return list;
}

static myl_str line_of(request *all, const char *one, const char *two)
{
    return myl_strf(
        all->cx,
        "{\"op\":\"resolve\",\"room_version\":\"%s\",\"events\":[%.*s],\"state_sets\":[%.*s,%.*s],"
        "\"rejected\":[]}",
        all->version->name, MYL_FMT(myl_text_str(&all->events)), MYL_FMT(ids_of(all, one)),
        MYL_FMT(ids_of(all, two)));
}

#define JOIN "{\"membership\":\"join\"}"

/* alice bans bob on one side; on the other bob sets the topic. */
static myl_str banned(request *all)
{
    ADD(all, {"C", "create", "@alice:hs", "", "{\"creator\":\"@alice:hs\"}", ""},
        {"A", "member", "@alice:hs", "@alice:hs", JOIN, "C"},
        {"P", "power_levels", "@alice:hs", "", "{\"users\":{\"@alice:hs\":100,\"@bob:hs\":50}}",
         "C A"},
        {"J", "join_rules", "@alice:hs", "", "{\"join_rule\":\"public\"}", "C A P"},
        {"B", "member", "@bob:hs", "@bob:hs", JOIN, "C P J"},
        {"T", "topic", "@alice:hs", "", "{\"topic\":\"one\"}", "C A P"},
        {"X", "member", "@alice:hs", "@bob:hs", "{\"membership\":\"ban\"}", "C A P B"},
        {"E", "topic", "@bob:hs", "", "{\"topic\":\"two\"}", "C B P"});
    return line_of(all, "C A P J T X", "C A P J E B");
}

/* --- what is said ----------------------------------------------------------------------------- */

static void expect_text(myl_ctx *cx, myl_str text, const char *want)
{
    if (strstr(myl_cstr(cx, text), want) == NULL)
        fail_msg("want: %s\ngot: %.*s", want, MYL_FMT(text));
}

static void a_refusal_names_its_rule(void **state)
{
    myl_ctx cx;
    explanation all;
    MYL_UNUSED(state);
    myl_ctx_begin(&cx);
    request made = request_start(&cx, "2");
    assert_int_equal(myl_explain_request(&cx, banned(&made), &all), MYL_OK);
    myl_str text = myl_explain_text(&all);
    expect_text(&cx, text, "room version 2, state resolution v2\n2 keys differ between 2 states\n");
    expect_text(&cx, text, "  \"m.room.topic\"\n    state 1: \"$T:hs\" by \"@alice:hs\" at 1005\n");
    expect_text(&cx, text,
                "\"$X:hs\" by \"@alice:hs\" at 1006 (power 100): \"m.room.member\" \"@bob:hs\": "
                "allowed by");
    expect_text(
        &cx, text,
        "\"$E:hs\" by \"@bob:hs\" at 1007 (mainline 0): \"m.room.topic\": refused by rule 6: ");
    expect_text(&cx, text,
                "  \"m.room.topic\": \"$T:hs\"\n    lost: \"$E:hs\", refused by rule 6: ");
    expect_text(&cx, text, "  \"m.room.member\" \"@bob:hs\": \"$X:hs\"\n    lost: \"$B:hs\", ");
    myl_ctx_end(&cx);
}

static const myl_json *parsed(myl_ctx *cx, const explanation *all)
{
    const myl_json *json;
    assert_int_equal(myl_json_parse(cx, myl_explain_json(all), &json), MYL_OK);
    return json;
}

static void expect_member(const myl_json *object, const char *key, const char *want)
{
    myl_str got = myl_json_text(object, myl_str_of(key));
    if (!myl_str_equal(got, myl_str_of(want)))
        fail_msg("%s: want %s, got %.*s", key, want, MYL_FMT(got));
}

static const myl_json *item_with(const myl_json *object, const char *list, const char *key,
                                 const char *value)
{
    const myl_json *items = myl_json_array(object, myl_str_of(list));
    assert_non_null(items);
    for (size_t i = 0; i < items->count; i++)
        if (myl_str_equal(myl_json_text(&items->items[i], myl_str_of(key)), myl_str_of(value)))
            return &items->items[i];
    fail_msg("%s holds no %s %s", list, key, value);
    return NULL;
}

static void the_json_form_says_the_same(void **state)
{
    myl_ctx cx;
    explanation all;
    bool allowed = true;
    MYL_UNUSED(state);
    myl_ctx_begin(&cx);
    request made = request_start(&cx, "2");
    assert_int_equal(myl_explain_request(&cx, banned(&made), &all), MYL_OK);
    const myl_json *json = parsed(&cx, &all);
    expect_member(json, "algorithm", "v2");
    const myl_json *step = item_with(json, "steps", "event", "$E:hs");
    expect_member(step, "order", "mainline");
    expect_member(step, "rule", "6");
    allowed = myl_json_bool(step, MYL_S("allowed"), true);
    assert_false(allowed);
    const myl_json *topic = item_with(json, "result", "type", "m.room.topic");
    expect_member(topic, "event", "$T:hs");
    expect_member(item_with(topic, "lost", "event", "$E:hs"), "why", "refused");
    assert_int_equal(myl_json_array(json, MYL_S("state"))->count, 6);
    assert_int_equal(myl_json_array(json, MYL_S("forks"))->count, 2);
    assert_int_equal(myl_json_array(json, MYL_S("subgraph"))->count, 0);
    myl_ctx_end(&cx);
}

/* Version 12: the old power levels of one side pull in those between, and the creator's power has
 * no number. */
static void the_subgraph_is_told(void **state)
{
    myl_ctx cx;
    explanation all;
    MYL_UNUSED(state);
    myl_ctx_begin(&cx);
    request made = request_start(&cx, "12");
    ADD(&made, {"C", "create", "@alice:hs", "", "{\"room_version\":\"12\"}", ""},
        {"A", "member", "@alice:hs", "@alice:hs", JOIN, ""},
        {"P1", "power_levels", "@alice:hs", "", "{}", "A"},
        {"J", "join_rules", "@alice:hs", "", "{\"join_rule\":\"public\"}", "A P1"},
        {"B", "member", "@bob:hs", "@bob:hs", JOIN, "P1 J"},
        {"P2", "power_levels", "@alice:hs", "", "{\"users\":{\"@bob:hs\":60}}", "A P1"},
        {"P3", "power_levels", "@bob:hs", "", "{\"users\":{\"@bob:hs\":60,\"@carol:hs\":5}}",
         "B P2"},
        {"T1", "topic", "@bob:hs", "", "{\"topic\":\"1\"}", "B P3"},
        {"T2", "topic", "@bob:hs", "", "{\"topic\":\"2\"}", "B P3"});
    myl_str line = line_of(&made, "C A J B P1 T1", "C A J B P3 T2");
    assert_int_equal(myl_explain_request(&cx, line, &all), MYL_OK);
    myl_str text = myl_explain_text(&all);
    expect_text(&cx, text, "state resolution v2.1\n");
    expect_text(&cx, text, "also in question, between the conflicting events\n");
    expect_text(&cx, text, "(power unlimited)");
    const myl_json *json = parsed(&cx, &all);
    const myl_json *between = myl_json_array(json, MYL_S("subgraph"));
    bool found = false;
    for (size_t i = 0; i < between->count; i++)
        found |= myl_str_equal(between->items[i].text, id_of(&made, "P2"));
    assert_true(found);
    char *levels = myl_cstr(&cx, id_of(&made, "P3"));
    expect_member(item_with(json, "result", "type", "m.room.power_levels"), "event", levels);
    expect_member(item_with(json, "steps", "event", myl_cstr(&cx, id_of(&made, "P1"))), "power",
                  "unlimited");
    myl_ctx_end(&cx);
}

/* Version 1: what is taken without a check, what is judged, and what is not reached. */
static void version_1_is_told_by_depth(void **state)
{
    myl_ctx cx;
    explanation all;
    MYL_UNUSED(state);
    myl_ctx_begin(&cx);
    request made = request_start(&cx, "1");
    myl_str line = banned(&made);
    ADD(&made, {"N", "name", "@alice:hs", "", "{\"name\":\"n\"}", "C A P"},
        {"E2", "topic", "@alice:hs", "", "{\"topic\":\"three\"}", "C A P"});
    assert_int_equal(myl_explain_request(&cx, line, &all), MYL_OK);
    myl_str text = myl_explain_text(&all);
    expect_text(&cx, text, "state resolution v1\n");
    expect_text(&cx, text, "(depth 1004): \"m.room.member\" \"@bob:hs\": taken as it is\n");
    expect_member(item_with(parsed(&cx, &all), "steps", "event", "$B:hs"), "order", "taken");

    assert_int_equal(myl_explain_request(&cx, line_of(&made, "C A P J B T N", "C A P J B E2"),
                                         &all),
                     MYL_OK);
    text = myl_explain_text(&all);
    expect_text(&cx, text, "    lost: \"$T:hs\", whose turn did not come\n");
    const myl_json *topic = item_with(parsed(&cx, &all), "result", "type", "m.room.topic");
    expect_member(item_with(topic, "lost", "event", "$T:hs"), "why", "its turn did not come");
    expect_text(&cx, text,
                "  \"m.room.name\"\n    state 1: \"$N:hs\" by \"@alice:hs\" at 1008\n    state 2: "
                "nothing\n");
    myl_ctx_end(&cx);
}

/* bob's old and new member event are in question; all agree on the newer one. */
static void what_all_agree_on_stays(void **state)
{
    myl_ctx cx;
    explanation all;
    MYL_UNUSED(state);
    myl_ctx_begin(&cx);
    request made = request_start(&cx, "12");
    ADD(&made, {"C", "create", "@alice:hs", "", "{\"room_version\":\"12\"}", ""},
        {"A", "member", "@alice:hs", "@alice:hs", JOIN, ""},
        {"P", "power_levels", "@alice:hs", "", "{}", "A"},
        {"J", "join_rules", "@alice:hs", "", "{\"join_rule\":\"public\"}", "A P"},
        {"B1", "member", "@bob:hs", "@bob:hs", JOIN, "P J"},
        {"P2", "power_levels", "@alice:hs", "", "{\"users\":{\"@bob:hs\":60}}", "A P"},
        {"T1", "topic", "@bob:hs", "", "{\"topic\":\"1\"}", "B1 P2"},
        {"L", "member", "@bob:hs", "@bob:hs", "{\"membership\":\"leave\"}", "P2"});
    /* One state has the topic, whose auth chain holds B1; neither agrees on B1 itself, both on L.
     * */
    myl_str line = line_of(&made, "C A P2 J L T1", "C A P2 J L");
    assert_int_equal(myl_explain_request(&cx, line, &all), MYL_OK);
    expect_text(&cx, myl_explain_text(&all), ", which stays in spite of ");
    const myl_json *overlaid = myl_json_array(parsed(&cx, &all), MYL_S("overlaid"));
    assert_int_equal(overlaid->count, 1);
    expect_member(&overlaid->items[0], "agreed", myl_cstr(&cx, id_of(&made, "L")));
    expect_member(&overlaid->items[0], "event", myl_cstr(&cx, id_of(&made, "B1")));
    expect_text(&cx, myl_explain_text(&all), "also in question, by the auth difference\n");
    myl_ctx_end(&cx);
}

/* --- the command ------------------------------------------------------------------------------ */

/* Runs the command with this input; what it printed is in `out`. */
static int run_command(const char *option, myl_str input, char *out, size_t room)
{
    FILE *in = tmpfile(), *got = tmpfile();
    char name[] = "explain-state", *arguments[] = {name, (char *)(uintptr_t)option, NULL};
    assert_non_null(in);
    assert_non_null(got);
    fflush(stdout);
    int kept_in = dup(STDIN_FILENO), kept_out = dup(STDOUT_FILENO);
    assert_int_equal(fwrite(input.at, 1, input.len, in), input.len);
    rewind(in);
    assert_int_equal(dup2(fileno(in), STDIN_FILENO), STDIN_FILENO);
    assert_int_equal(dup2(fileno(got), STDOUT_FILENO), STDOUT_FILENO);
    int status = myl_cmd_explain_state(option == NULL ? 1 : 2, arguments);
    fflush(stdout);
    dup2(kept_in, STDIN_FILENO);
    dup2(kept_out, STDOUT_FILENO);
    rewind(got);
    out[fread(out, 1, room - 1, got)] = '\0';
    close(kept_in);
    close(kept_out);
    fclose(in);
    fclose(got);
    return status;
}

static void lines_are_answered_in_order(void **state)
{
    static char out[65536];
    myl_ctx cx;
    MYL_UNUSED(state);
    myl_ctx_begin(&cx);
    request made = request_start(&cx, "2");
    myl_str line = banned(&made);
    assert_int_equal(run_command(NULL, myl_strf(&cx, "%.*s\n", MYL_FMT(line)), out, sizeof out), 0);
    assert_non_null(strstr(out, "result\n"));
    myl_str lines =
        myl_strf(&cx,
                 "{\"op\":\"auth\"}\nnonsense\n%.*s\n"
                 "{\"op\":\"resolve\",\"room_version\":\"2\",\"events\":[],\"state_sets\":[]}",
                 MYL_FMT(line));
    assert_int_equal(run_command("--json", lines, out, sizeof out), 1);
    const char *second = strchr(out, '\n') + 1, *third = strchr(second, '\n') + 1;
    const char *fourth = strchr(third, '\n') + 1;
    assert_int_equal(strncmp(out, "{\"error\":", 9), 0);
    assert_int_equal(strncmp(second, "{\"error\":", 9), 0);
    assert_int_equal(strncmp(third, "{\"room_version\":\"2\"", 19), 0);
    assert_int_equal(strncmp(fourth, "{\"error\":", 9), 0);
    assert_int_equal(run_command(NULL, MYL_S("{}"), out, sizeof out), 1);
    assert_int_equal(strncmp(out, "error: \"", 8), 0);
    assert_int_equal(run_command("--wrong", MYL_S(""), out, sizeof out), 2);
    assert_int_equal(run_command(NULL, MYL_S(""), out, sizeof out), 0);
    assert_string_equal(out, "");
    myl_ctx_end(&cx);
}

static void output_that_cannot_be_written_is_a_failure(void **state)
{
    char name[] = "explain-state", *arguments[] = {name, NULL};
    FILE *in = tmpfile(), *full = fopen("/dev/full", "w");
    MYL_UNUSED(state);
    assert_non_null(in);
    assert_non_null(full);
    fputs("{}\n", in);
    rewind(in);
    fflush(stdout);
    int kept_in = dup(STDIN_FILENO), kept_out = dup(STDOUT_FILENO);
    dup2(fileno(in), STDIN_FILENO);
    dup2(fileno(full), STDOUT_FILENO);
    int status = myl_cmd_explain_state(1, arguments);
    dup2(kept_in, STDIN_FILENO);
    dup2(kept_out, STDOUT_FILENO);
    clearerr(stdout);
    close(kept_in);
    close(kept_out);
    fclose(in);
    fclose(full);
    assert_int_equal(status, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_refusal_names_its_rule),
        cmocka_unit_test(the_json_form_says_the_same),
        cmocka_unit_test(the_subgraph_is_told),
        cmocka_unit_test(version_1_is_told_by_depth),
        cmocka_unit_test(what_all_agree_on_stays),
        cmocka_unit_test(lines_are_answered_in_order),
        cmocka_unit_test(output_that_cannot_be_written_is_a_failure),
    };
    myl_crypto_start();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
