/* rules.c: `myelin rules`: event ids, redaction, canonical JSON, auth rules and state resolution as a command.
 *
 * Why:     anyone can hold our rules against another implementation's, without a server.
 * Callers: main; the fuzzer calls myl_rules_answer.
 * Threads: one.
 * Memory:  one job, emptied after each line.
 * Holds:   one answer a line, in order; an answer is written out before the command waits for input.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "cmd/cmd_own.h"

#include <stdio.h>
#include <unistd.h>

#include <myelin/base_limit.h>
#include <myelin/base_list.h>
#include <myelin/cmd_rules.h>
#include <myelin/json_writer.h>
#include <myelin/rules_mutate.h>

/* --- event_id, redact, canonical ---------------------------------------------------------------- */

static const char *const short_fields[] = {"event_id", "room_id", "sender", "state_key", "type"};

/* The request's event for hashing and redacting, which ask for less than the whole format: an object, of which
 * what is there has its type and size. */
static myl_rc read_plain_event(myl_ctx *cx, const myl_json *request,
                               const myl_room_version *version, const myl_json **out)
{
    const myl_json *event = myl_json_object(request, MYL_S("event"));
    if (event == NULL)
        return myl_fail(cx, MYL_BAD_REQUEST, "event: expected an object");
    for (size_t i = 0; i < sizeof short_fields / sizeof *short_fields; i++) {
        const myl_json *value = myl_json_get(event, myl_str_of(short_fields[i]));
        if (value == NULL)
            continue;
        if (value->kind != MYL_JSON_STRING)
            return myl_fail(cx, MYL_BAD_EVENT, "event.%s: expected a string", short_fields[i]);
        if (value->text.len > MYL_LIMIT_ID_BYTES)
            return myl_fail(cx, MYL_EVENT_TOO_LARGE, "event.%s: more than %d bytes",
                            short_fields[i], MYL_LIMIT_ID_BYTES);
    }
    const myl_json *content = MYL_JSON_AT(event, "content");
    if (content != NULL && content->kind != MYL_JSON_OBJECT)
        return myl_fail(cx, MYL_BAD_EVENT, "event.content: expected an object");
    myl_text text = myl_text_start(cx, 1024);
    MYL_TRY(myl_json_canonical(cx, event, version->strict_json ? MYL_JSON_STRICT : MYL_JSON_LOOSE,
                               &text));
    if (text.len > MYL_LIMIT_EVENT_BYTES)
        return myl_fail(cx, MYL_EVENT_TOO_LARGE, "event: %zu bytes, at most %d", text.len,
                        MYL_LIMIT_EVENT_BYTES);
    *out = event;
    return MYL_OK;
}

static void write_hash(myl_ctx *cx, myl_writer *w, const char *key, myl_base64_form form,
                       const myl_sha256 *hash)
{
    myl_str bytes = {(const char *)hash->bytes, sizeof hash->bytes};
    myl_write_str(w, key, myl_crypto_base64(cx, form, bytes));
}

/* The content hash as an event holds it, the reference hash as the version's ids do. */
static myl_rc answer_event_id(myl_ctx *cx, const myl_json *request, myl_writer *w)
{
    const myl_room_version *version;
    const myl_json *event;
    myl_str id;
    myl_sha256 content, reference;
    MYL_TRY(myl_rules_request_version(cx, request, &version));
    MYL_TRY(read_plain_event(cx, request, version, &event));
    MYL_TRY(myl_event_id(cx, version, event, &id));
    MYL_TRY(myl_event_content_hash(cx, version, event, &content));
    MYL_TRY(myl_event_reference_hash(cx, version, event, &reference));
    myl_base64_form form =
        version->event_id == MYL_EVENT_ID_HASH_URL ? MYL_BASE64_URL : MYL_BASE64_STANDARD;
    myl_write_str(w, "event_id", id);
    write_hash(cx, w, "content_hash", MYL_BASE64_STANDARD, &content);
    write_hash(cx, w, "reference_hash", form, &reference);
    return MYL_OK;
}

static myl_rc answer_redact(myl_ctx *cx, const myl_json *request, myl_writer *w)
{
    const myl_room_version *version;
    const myl_json *event;
    MYL_TRY(myl_rules_request_version(cx, request, &version));
    MYL_TRY(read_plain_event(cx, request, version, &event));
    myl_write_json(w, "event", myl_event_redact(cx, version, event));
    return MYL_OK;
}

static myl_rc answer_canonical(myl_ctx *cx, const myl_json *request, myl_writer *w)
{
    const myl_json *value;
    myl_str text = myl_json_text(request, MYL_S("json"));
    myl_text canonical = myl_text_start(cx, text.len);
    if (!myl_str_present(text))
        return myl_fail(cx, MYL_BAD_REQUEST, "json: expected a string");
    MYL_TRY(myl_json_parse(cx, text, &value));
    MYL_TRY(myl_json_canonical(cx, value, MYL_JSON_NORMAL, &canonical));
    myl_write_str(w, "canonical", myl_text_str(&canonical));
    return MYL_OK;
}

/* --- auth --------------------------------------------------------------------------------------- */

typedef struct {
    const myl_event *const *events;
    size_t count;
} event_list;

/* The state is what the request holds; of two events for one key the later one counts. */
static const myl_event *find_state(void *arg, const char *type, myl_str state_key)
{
    const event_list *list = arg;
    for (size_t i = list->count; i > 0; i--) {
        if (myl_event_is(list->events[i - 1], type, state_key))
            return list->events[i - 1];
    }
    return NULL;
}

/* The events that `event` names itself, in its order. */
static myl_rc named_events(myl_ctx *cx, const myl_event *event, const event_list *given,
                           const myl_event ***out)
{
    const myl_event **named = myl_new_array(cx, const myl_event *, event->auth_event_count);
    for (size_t i = 0; i < event->auth_event_count; i++) {
        for (size_t k = 0; k < given->count && named[i] == NULL; k++) {
            if (myl_str_equal(given->events[k]->event_id, event->auth_events[i]))
                named[i] = given->events[k];
        }
        if (named[i] == NULL)
            return myl_fail(cx, MYL_BAD_REQUEST,
                            "auth_events: the event names %.*s, which is not given",
                            MYL_FMT(event->auth_events[i]));
    }
    *out = named;
    return MYL_OK;
}

static myl_verdict judge(myl_ctx *cx, const myl_event *event, const myl_event *const *named,
                         event_list *given)
{
    const myl_event *create = find_state(given, "m.room.create", MYL_S(""));
    myl_verdict verdict = myl_rules_auth_events(cx, event, named, event->auth_event_count, create);
    if (!verdict.allowed)
        return verdict;
    myl_auth_state state = {find_state, given};
    return myl_rules_auth(cx, event, &state);
}

static myl_rc answer_auth(myl_ctx *cx, const myl_json *request, myl_writer *w)
{
    const myl_room_version *version;
    const myl_json *json = MYL_JSON_AT(request, "event");
    const myl_event **named = NULL;
    event_list given;
    myl_event event;
    MYL_TRY(myl_rules_request_version(cx, request, &version));
    MYL_TRY(myl_event_decode(cx, version, json, &event));
    MYL_TRY(myl_rules_request_events(cx, request, "auth_events", &given.events, &given.count));
    MYL_TRY(named_events(cx, &event, &given, &named));
    myl_verdict verdict = judge(cx, &event, named, &given);
    myl_write_bool(w, "allowed", verdict.allowed);
    myl_write_str(w, "rule", myl_str_of(verdict.rule));
    myl_write_str(w, "reason", myl_str_of(verdict.reason));
    return MYL_OK;
}

/* --- resolve ------------------------------------------------------------------------------------ */

static myl_rc answer_resolve(myl_ctx *cx, const myl_json *request, myl_writer *w)
{
    myl_resolve_input input;
    const myl_str *ids;
    size_t count;
    MYL_TRY(myl_rules_request_resolve(cx, request, &input));
    MYL_TRY(myl_rules_resolve_events(cx, &input, &ids, &count));
    myl_write_open_key(w, "state", '[');
    for (size_t i = 0; i < count; i++)
        myl_write_str(w, NULL, ids[i]);
    myl_write_close(w, ']');
    return MYL_OK;
}

/* --- lines -------------------------------------------------------------------------------------- */

static const struct {
    const char *op;
    myl_rc (*answer)(myl_ctx *cx, const myl_json *request, myl_writer *w);
} operations[] = {{"auth", answer_auth},
                  {"resolve", answer_resolve},
                  {"event_id", answer_event_id},
                  {"redact", answer_redact},
                  {"canonical", answer_canonical}};

static myl_rc answer_line(myl_ctx *cx, myl_str line, myl_writer *w)
{
    myl_rules_request request;
    MYL_TRY(myl_rules_request_read(cx, line, &request));
    for (size_t i = 0; i < sizeof operations / sizeof *operations; i++) {
        if (myl_str_equal(request.op, myl_str_of(operations[i].op)))
            return operations[i].answer(cx, request.json, w);
    }
    return myl_fail(cx, MYL_BAD_REQUEST,
                    "op: expected auth, resolve, event_id, redact or canonical");
}

myl_str myl_rules_answer(myl_ctx *cx, myl_str line)
{
    myl_writer w = myl_write_start(cx, 256);
    myl_write_open(&w, '{');
    if (answer_line(cx, line, &w) != MYL_OK)
        return myl_rules_refusal(cx);
    myl_write_close(&w, '}');
    return myl_write_done(&w);
}

static myl_str answer_too_long(myl_ctx *cx)
{
    (void)myl_fail(cx, MYL_TOO_LARGE, "a line has at most %d bytes", MYL_LIMIT_RULES_LINE);
    return myl_rules_refusal(cx);
}

static bool put_line(myl_str text)
{
    return fwrite(text.at, 1, text.len, stdout) == text.len && putchar('\n') != EOF;
}

/* Answers until the input ends; false when an answer could not be written. */
static bool answer_all(myl_ctx *cx, myl_lines *lines)
{
    for (;;) {
        if (!myl_lines_ready(lines) && fflush(stdout) != 0)
            return false;
        myl_str line;
        myl_line_kind kind = myl_lines_next(lines, &line);
        if (kind == MYL_LINES_END)
            return fflush(stdout) == 0;
        if (!put_line(kind == MYL_LINE ? myl_rules_answer(cx, line) : answer_too_long(cx)))
            return false;
        myl_ctx_reset(cx);
    }
}

static int run(void)
{
    myl_ctx cx;
    myl_ctx_begin(&cx);
    myl_lines lines = myl_lines_start(STDIN_FILENO, MYL_LIMIT_RULES_LINE);
    bool written = answer_all(&cx, &lines);
    if (!written)
        fprintf(stderr, "myelin rules: standard output: cannot write\n");
    else if (lines.error != 0)
        fprintf(stderr, "myelin rules: standard input: %s\n", strerror(lines.error));
    bool failed = !written || lines.error != 0;
    myl_lines_end(&lines);
    myl_ctx_end(&cx);
    return failed ? 1 : 0;
}

/* --- the command -------------------------------------------------------------------------------- */

#ifdef MYL_MUTATIONS
#define MUTATION_WORDS " [--list-mutations | --mutate NAME]"

static int list_mutations(void)
{
    myl_ctx cx;
    myl_ctx_begin(&cx);
    for (size_t i = 0;; i++) {
        myl_str name = myl_rules_mutation_at(&cx, i);
        if (!myl_str_present(name))
            break;
        printf("%.*s\n", MYL_FMT(name));
    }
    myl_ctx_end(&cx);
    return fflush(stdout) == 0 ? 0 : 1;
}

static bool mutate(const char *name)
{
    myl_ctx cx;
    myl_ctx_begin(&cx);
    bool found = myl_rules_mutate(&cx, myl_str_of(name));
    myl_ctx_end(&cx);
    return found;
}
#else
#define MUTATION_WORDS ""
#endif

static int wrong_use(void)
{
    fprintf(stderr,
            "use: myelin rules%s\n"
            "Reads requests from standard input, one JSON object a line, and answers each with "
            "one line.\n",
            MUTATION_WORDS);
    return 2;
}

int myl_cmd_rules(int argc, char **argv)
{
    myl_crypto_start();
    if (argc == 1)
        return run();
#ifdef MYL_MUTATIONS
    if (argc == 2 && strcmp(argv[1], "--list-mutations") == 0)
        return list_mutations();
    if (argc == 3 && strcmp(argv[1], "--mutate") == 0)
        return mutate(argv[2]) ? run() : wrong_use();
#else
    MYL_UNUSED(argv);
#endif
    return wrong_use();
}
