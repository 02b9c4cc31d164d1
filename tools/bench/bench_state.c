/* bench_state.c: what the state tree, the auth index and state resolution cost.
 *
 * Rooms are made in memory, events as the bytes a store would hold (they are decoded inside what is
 * measured). Every line prints CPU milliseconds, a limit where the project sets one, and the ratio
 * to a plain walk in the same run: the whole states compared entry by entry, and the whole auth
 * chains walked event by event. Exit 1 when a limit is passed.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "rules/state_res_own.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define MEMBERS 50000
#define CHAIN 100000
#define CREATE 1
#define ADMIN 2
#define LEVELS 3
#define RULES 4
#define TYPE_CREATE 1
#define TYPE_MEMBER 2
#define TYPE_LEVELS 3
#define TYPE_RULES 4
#define TYPE_TOPIC 5
#define KEY_EMPTY 1
#define KEY_ADMIN 2
#define KEY_MEMBERS 3 /* member i has KEY_MEMBERS + i */

static double cpu_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static void must(const myl_ctx *cx, myl_rc rc)
{
    if (rc == MYL_OK)
        return;
    fprintf(stderr, "bench_state: %.*s\n", MYL_FMT(cx->error.detail));
    exit(1);
}

/* --- a room in memory ------------------------------------------------------------------------- */

typedef struct {
    myl_str id;
    myl_str bytes;
    uint32_t type;
    uint64_t state_key;
    uint64_t auth[5];
    size_t auth_count;
    myl_state_event *open; /* decoded, while a resolution runs */
} stored;

typedef struct {
    myl_ctx *cx;
    myl_ctx *job; /* of the resolution at hand */
    const myl_room_version *version;
    stored *events; /* by number - 1 */
    size_t count;
    size_t opened;
    myl_list nodes; /* myl_str */
    myl_tree_nodes tree;
    myl_auth_rows rows;
    myl_state_source source;
    const myl_event *create;
} room;

static myl_rc read_node(void *arg, myl_ctx *cx, uint64_t number, myl_str *bytes)
{
    const room *at = arg;
    MYL_UNUSED(cx);
    *bytes = myl_list_get(&at->nodes, myl_str, number - 1);
    return MYL_OK;
}

static myl_rc append_node(void *arg, myl_ctx *cx, myl_str bytes, uint64_t *number)
{
    room *at = arg;
    MYL_UNUSED(cx);
    myl_list_push(&at->nodes, myl_str, myl_keep(at->cx, bytes));
    *number = at->nodes.count;
    return MYL_OK;
}

static myl_rc read_event(void *arg, myl_ctx *cx, uint64_t number, const myl_state_event **out)
{
    room *at = arg;
    stored *event = &at->events[number - 1];
    *out = event->open;
    if (event->open != NULL)
        return MYL_OK;
    myl_event *decoded = myl_new(cx, myl_event);
    MYL_TRY(myl_event_reopen(cx, at->version, event->id, event->bytes, decoded));
    event->open = myl_new(cx, myl_state_event);
    *event->open = (myl_state_event){decoded,          number,      event->type,
                                     event->state_key, event->auth, event->auth_count};
    at->opened++;
    *out = event->open;
    return MYL_OK;
}

static uint32_t type_number(const char *type)
{
    static const char *const names[] = {"m.room.create", "m.room.member", "m.room.power_levels",
                                        "m.room.join_rules", "m.room.topic"};
    for (uint32_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(type, names[i]) == 0)
            return i + 1;
    return 0;
}

static myl_rc read_key(void *arg, myl_ctx *cx, const char *type, myl_str state_key,
                       myl_state_key *out)
{
    MYL_UNUSED(arg), MYL_UNUSED(cx);
    out->type = type_number(type);
    out->state_key = KEY_EMPTY;
    if (myl_str_starts(state_key, MYL_S("@admin")))
        out->state_key = KEY_ADMIN;
    else if (state_key.len > 0)
        out->state_key =
            KEY_MEMBERS + (uint64_t)strtoull(state_key.at + strlen("@member-"), NULL, 10);
    return MYL_OK;
}

static myl_rc read_create(void *arg, myl_ctx *cx, const myl_event *event, const myl_event **create)
{
    room *at = arg;
    const myl_state_event *opened;
    MYL_UNUSED(event);
    MYL_TRY(read_event(arg, cx, CREATE, &opened));
    *create = at->create = opened->event;
    return MYL_OK;
}

static myl_str user_of(myl_ctx *cx, uint64_t key)
{
    return key == KEY_ADMIN
               ? MYL_S("@admin:example.org")
               : myl_strf(cx, "@member-%llu:example.org", (unsigned long long)(key - KEY_MEMBERS));
}

typedef struct {
    uint32_t type;
    uint64_t state_key, sender;
    const char *content;
    uint64_t auth[5]; /* ended by 0 */
} draft;

static uint64_t add_event(room *at, const draft *made)
{
    static const char *const names[] = {"",
                                        "m.room.create",
                                        "m.room.member",
                                        "m.room.power_levels",
                                        "m.room.join_rules",
                                        "m.room.topic"};
    stored *event = &at->events[at->count++];
    uint64_t number = at->count;
    myl_text auth = myl_text_start(at->cx, 64);
    event->type = made->type;
    event->state_key = made->state_key;
    /* A create event's id is the room id in version 12; all ids here are 44 bytes as in a real
     * room. */
    event->id = myl_strf(at->cx, "$%043llu", (unsigned long long)number);
    for (size_t i = 0; i < 5 && made->auth[i] != 0; i++) {
        if (made->auth[i] == CREATE && at->version->room_id_is_create)
            continue;
        event->auth[event->auth_count] = made->auth[i];
        myl_text_addf(&auth, "%s\"%.*s\"", event->auth_count++ > 0 ? "," : "",
                      MYL_FMT(at->events[made->auth[i] - 1].id));
    }
    bool bare = number == CREATE && at->version->room_id_is_create;
    myl_str key = made->state_key == KEY_EMPTY ? MYL_S("") : user_of(at->cx, made->state_key);
    event->bytes = myl_strf(
        at->cx,
        "{\"auth_events\":[%.*s],\"content\":%s,\"depth\":%llu,\"hashes\":{\"sha256\":\"%043llu\"},"
        "\"origin_server_ts\":%llu,\"prev_events\":[%s%.*s%s],%s\"sender\":\"%.*s\",\"signatures\":"
        "{\"example.org\":{\"ed25519:key\":\"%086llu\"}},\"state_key\":\"%.*s\",\"type\":\"%s\"}",
        MYL_FMT(myl_text_str(&auth)), made->content, (unsigned long long)number,
        (unsigned long long)number, 1700000000000ull + number, number > 1 ? "\"" : "",
        MYL_FMT(number > 1 ? at->events[number - 2].id : MYL_S("")), number > 1 ? "\"" : "",
        bare ? "" : "\"room_id\":\"!0000000000000000000000000000000000000000001\",",
        MYL_FMT(user_of(at->cx, made->sender)), (unsigned long long)number, MYL_FMT(key),
        names[made->type]);
    myl_auth_entry entry = {number,           event->type,
                            event->state_key, event->type == TYPE_LEVELS,
                            event->auth,      event->auth_count};
    MYL_ASSERT(myl_auth_index_add(at->cx, &at->rows, &entry) == MYL_OK);
    return number;
}

static myl_tree_root set_state(room *at, myl_tree_root root, uint64_t number)
{
    const stored *event = &at->events[number - 1];
    myl_tree_entry change = {event->type, event->state_key, number};
    MYL_ASSERT(myl_tree_change(at->cx, &at->tree, root, &change, 1, &root) == MYL_OK);
    return root;
}

static myl_tree_root room_start(room *at, myl_ctx *cx, const char *version, size_t events)
{
    *at = (room){.cx = cx, .version = myl_room_version_find(myl_str_of(version))};
    at->events = myl_new_array(cx, stored, events);
    at->nodes = MYL_LIST(cx, myl_str);
    at->tree = (myl_tree_nodes){.read = read_node, .append = append_node, .arg = at};
    at->rows = myl_auth_book_rows(myl_auth_book_start(cx));
    at->source = (myl_state_source){at->version, read_create, read_event, read_key,
                                    at,          &at->tree,   &at->rows};
    const draft first[] = {
        {TYPE_CREATE,
         KEY_EMPTY,
         KEY_ADMIN,
         "{\"creator\":\"@admin:example.org\",\"room_version\":\"11\"}",
         {0}},
        {TYPE_MEMBER, KEY_ADMIN, KEY_ADMIN, "{\"membership\":\"join\"}", {CREATE}},
        {TYPE_LEVELS,
         KEY_EMPTY,
         KEY_ADMIN,
         at->version->room_id_is_create
             ? "{\"users\":{\"@member-0:example.org\":50}}"
             : "{\"users\":{\"@admin:example.org\":100,\"@member-0:example.org\":50}}",
         {CREATE, ADMIN}},
        {TYPE_RULES, KEY_EMPTY, KEY_ADMIN, "{\"join_rule\":\"public\"}", {CREATE, LEVELS, ADMIN}},
    };
    myl_tree_root root = 0;
    for (size_t i = 0; i < 4; i++)
        root = set_state(at, root, add_event(at, &first[i]));
    return root;
}

static uint64_t add_member(room *at, uint64_t member, uint64_t before, const char *content)
{
    uint64_t key = KEY_MEMBERS + member;
    const draft next = {TYPE_MEMBER, key, key, content, {CREATE, LEVELS, RULES, before}};
    return add_event(at, &next);
}

static uint64_t add_kick(room *at, uint64_t member, uint64_t before, uint64_t levels)
{
    const draft next = {TYPE_MEMBER,
                        KEY_MEMBERS + member,
                        KEY_ADMIN,
                        "{\"membership\":\"leave\"}",
                        {CREATE, levels, ADMIN, before}};
    return add_event(at, &next);
}

/* --- two forks -------------------------------------------------------------------------------- */

/* On one side a third of `differing` are kicked and a third rename themselves under new power
 * levels, on the other a third rename themselves. */
static void make_forks(room *at, size_t differing, myl_tree_root states[2])
{
    myl_tree_root base = states[0];
    const draft levels = {
        TYPE_LEVELS,
        KEY_EMPTY,
        KEY_ADMIN,
        at->version->room_id_is_create
            ? "{\"users\":{\"@member-0:example.org\":51}}"
            : "{\"users\":{\"@admin:example.org\":100,\"@member-0:example.org\":51}}",
        {CREATE, LEVELS, ADMIN}};
    const draft topic = {
        TYPE_TOPIC, KEY_EMPTY, KEY_MEMBERS, "{\"topic\":\"t\"}", {CREATE, LEVELS, 5}};
    uint64_t new_levels = add_event(at, &levels);
    states[0] = set_state(at, base, new_levels);
    states[1] = set_state(at, base, add_event(at, &topic));
    for (size_t i = 0; i < differing - 2; i++) {
        uint64_t member = 1 + i * (MEMBERS / differing), join = 5 + member;
        const char *name = "{\"displayname\":\"renamed\",\"membership\":\"join\"}";
        uint64_t number = i % 3 == 0 ? add_kick(at, member, join, new_levels)
                                     : add_member(at, member, join, name);
        states[i % 3 == 2] = set_state(at, states[i % 3 == 2], number);
    }
}

/* --- the plain walk --------------------------------------------------------------------------- */

typedef struct {
    uint64_t *events; /* by state key, members only; others by type behind them */
} flat;

static myl_rc flatten(void *arg, const myl_tree_entry *entry)
{
    const flat *out = arg;
    uint64_t at =
        entry->type == TYPE_MEMBER ? entry->state_key : KEY_MEMBERS + MEMBERS + entry->type;
    out->events[at] = entry->event;
    return MYL_OK;
}

static void walk_chain(const room *at, const flat *state, size_t keys, bool *seen, uint64_t *stack)
{
    size_t depth = 0;
    for (size_t i = 0; i < keys; i++) {
        if (state->events[i] == 0)
            continue;
        stack[depth++] = state->events[i];
        while (depth > 0) {
            const stored *event = &at->events[stack[--depth] - 1];
            for (size_t k = 0; k < event->auth_count; k++) {
                if (!seen[event->auth[k]])
                    stack[depth++] = event->auth[k];
                seen[event->auth[k]] = true;
            }
        }
    }
}

/* What differs between the states and their auth chains, found by looking at everything. */
static size_t plain_walk(const room *at, const myl_tree_root states[2], myl_ctx *job)
{
    size_t keys = KEY_MEMBERS + MEMBERS + 8, found = 0;
    flat sides[2];
    bool *seen[2];
    for (size_t side = 0; side < 2; side++) {
        sides[side].events = myl_new_array(job, uint64_t, keys);
        seen[side] = myl_new_array(job, bool, at->count + 1);
        MYL_ASSERT(myl_tree_walk(job, &at->tree, states[side], 0, flatten, &sides[side]) == MYL_OK);
        walk_chain(at, &sides[side], keys, seen[side], myl_new_array(job, uint64_t, 8 * at->count));
    }
    for (size_t i = 0; i < keys; i++)
        found += sides[0].events[i] != sides[1].events[i];
    for (size_t i = 1; i <= at->count; i++)
        found += seen[0][i] != seen[1][i];
    return found;
}

/* --- measurements ----------------------------------------------------------------------------- */

static bool report(const char *what, double ms, double limit, double plain)
{
    printf("%-52s %9.2f ms", what, ms);
    if (limit > 0)
        printf("  limit %6.0f", limit);
    if (plain > 0)
        printf("  plain walk %8.2f ms, ratio %.3f", plain, ms / plain);
    bool passed = limit == 0 || ms <= limit;
    printf("%s\n", passed ? "" : "  TOO SLOW");
    return passed;
}

static bool resolve_forks(const char *version, size_t differing, double limit)
{
    myl_ctx cx, job;
    room at;
    char what[96];
    myl_tree_root states[2], out;
    myl_ctx_begin(&cx);
    myl_ctx_begin(&job);
    states[0] = room_start(&at, &cx, version, MEMBERS + differing + 16);
    for (uint64_t i = 0; i < MEMBERS; i++)
        states[0] = set_state(&at, states[0], add_member(&at, i, 0, "{\"membership\":\"join\"}"));
    make_forks(&at, differing, states);

    double start = cpu_ms();
    size_t found = plain_walk(&at, states, &job);
    double plain = cpu_ms() - start;
    myl_ctx_reset(&job);

    myl_resolve_request request = {&at.source, states, 2, NULL};
    size_t bytes = myl_ctx_bytes(&job), nodes = at.nodes.count;
    start = cpu_ms();
    must(&job, myl_rules_resolve(&job, &request, &out));
    double ms = cpu_ms() - start;
    snprintf(what, sizeof what, "v%s: %d members, %zu differ", version, MEMBERS, differing);
    bool passed = report(what, ms, limit, plain);
    printf("    differ by %zu with auth chains; %zu events decoded, %zu nodes written, %zu KiB of "
           "memory\n",
           found, at.opened, at.nodes.count - nodes, (myl_ctx_bytes(&job) - bytes) / 1024);
    myl_ctx_end(&job);
    myl_ctx_end(&cx);
    return passed;
}

/* Power levels that were changed CHAIN times; two forks that end on them. */
static bool long_chain(void)
{
    myl_ctx cx, job;
    room at;
    myl_tree_root states[2], out;
    myl_ctx_begin(&cx);
    myl_ctx_begin(&job);
    states[0] = room_start(&at, &cx, "11", CHAIN + 32);
    uint64_t last = LEVELS;
    for (uint64_t i = 0; i < CHAIN; i++) {
        const draft next = {TYPE_LEVELS,
                            KEY_EMPTY,
                            KEY_ADMIN,
                            "{\"users\":{\"@admin:example.org\":100}}",
                            {CREATE, last, ADMIN}};
        last = add_event(&at, &next);
    }
    states[0] = set_state(&at, states[0], last);
    uint64_t joined = add_member(&at, 1, 0, "{\"membership\":\"join\"}");
    states[1] = set_state(&at, states[0], joined);
    const draft rules = {
        TYPE_RULES, KEY_EMPTY, KEY_ADMIN, "{\"join_rule\":\"invite\"}", {CREATE, last, ADMIN}};
    states[0] = set_state(&at, states[0], add_event(&at, &rules));

    double start = cpu_ms();
    (void)plain_walk(&at, states, &job);
    double plain = cpu_ms() - start;
    myl_ctx_reset(&job);
    myl_resolve_request request = {&at.source, states, 2, NULL};
    start = cpu_ms();
    must(&job, myl_rules_resolve(&job, &request, &out));
    bool passed =
        report("v11: 2 differ over a chain of 100000 power levels", cpu_ms() - start, 5, plain);
    printf("    %zu events decoded\n", at.opened);
    myl_ctx_end(&job);
    myl_ctx_end(&cx);
    return passed;
}

/* One change after another, as events come in. */
static bool tree_changes(size_t entries)
{
    enum { CHANGES = 20000 };
    myl_ctx cx, scratch;
    room at;
    char what[96];
    myl_ctx_begin(&cx);
    myl_ctx_begin(&scratch);
    myl_tree_root root = room_start(&at, &cx, "11", 16);
    myl_tree_entry *all = myl_new_array(&cx, myl_tree_entry, entries);
    for (size_t i = 0; i < entries; i++)
        all[i] = (myl_tree_entry){TYPE_MEMBER, KEY_MEMBERS + i, 1000 + i};
    MYL_ASSERT(myl_tree_change(&cx, &at.tree, root, all, entries, &root) == MYL_OK);
    size_t nodes = at.nodes.count, bytes = 0;
    double start = cpu_ms();
    for (uint64_t i = 0; i < CHANGES; i++) {
        myl_tree_entry change = {TYPE_MEMBER, KEY_MEMBERS + (i * 7919) % entries, 2000000 + i};
        MYL_ASSERT(myl_tree_change(&scratch, &at.tree, root, &change, 1, &root) == MYL_OK);
    }
    double ms = cpu_ms() - start;
    for (size_t i = nodes; i < at.nodes.count; i++)
        bytes += myl_list_get(&at.nodes, myl_str, i).len;
    snprintf(what, sizeof what, "tree: %d changes at %zu entries", CHANGES, entries);
    bool passed = report(what, ms, 0, 0);
    printf("    %.2f us, %zu bytes and %.1f nodes a change\n", ms * 1e3 / CHANGES, bytes / CHANGES,
           (double)(at.nodes.count - nodes) / CHANGES);
    myl_ctx_end(&scratch);
    myl_ctx_end(&cx);
    return passed;
}

int main(void)
{
    bool passed = true;
    setvbuf(stdout, NULL, _IOLBF, 0);
    myl_crypto_start();
    passed &= tree_changes(10000);
    passed &= tree_changes(MEMBERS);
    passed &= resolve_forks("11", 200, 50);
    passed &= resolve_forks("12", 200, 50);
    passed &= resolve_forks("11", 10000, 1000);
    passed &= resolve_forks("12", 10000, 1000);
    passed &= long_chain();
    return passed ? 0 : 1;
}
