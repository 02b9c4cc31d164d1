/* foreign.c: see foreign.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "room/foreign.h"

#include <stdio.h>
#include <stdlib.h>

#include <myelin/matrix_id.h>
#include <myelin/room_check.h>

#include "base/base_test.h"

/* ---- making ---- */

typedef struct {
    room_test *test;
    const foreign *what;
    const myl_json *pdu;
    myl_str event_id;
} make_arg;

static myl_rc choose_auth(myl_ctx *cx, const foreign *what, myl_event_draft *draft)
{
    myl_auth_need needs[MYL_AUTH_NEEDS];
    myl_str *ids = myl_new_array(cx, myl_str, MYL_AUTH_NEEDS);
    myl_room_head head;
    myl_stored prev = {0};
    myl_tree_root root;
    uint64_t number;
    size_t count;

    MYL_TRY(myl_room_require(cx, what->room_id, &head));
    root = head.state;
    MYL_TRY(myl_room_event_number(cx, what->prev[0], &number));
    if (number != 0) {
        MYL_TRY(myl_room_event(cx, number, &prev));
        root = prev.after;
        if (draft->depth == 0)
            draft->depth = prev.depth + 1;
    }
    if (what->auth != NULL)
        return MYL_OK;
    count = myl_rules_auth_needs(draft->version, draft->type, draft->state_key, draft->sender,
                                 draft->content, needs);
    for (size_t i = 0; i < count; i++) {
        myl_stored stored;

        MYL_TRY(myl_room_state_event(cx, root, needs[i].type, needs[i].state_key, &stored));
        if (stored.number != 0)
            ids[draft->auth_event_count++] = stored.event_id;
    }
    draft->auth_events = ids;
    return MYL_OK;
}

static myl_rc make(myl_ctx *cx, void *arg)
{
    static int64_t clock; /* ahead of our own events */
    static const uint8_t seed[32] = {9, 9};
    make_arg *m = arg;
    myl_signing_key *key = myl_signing_key_of_seed(seed, "x");
    myl_event_draft draft = {.room_id = m->what->room_id,
                             .sender = myl_str_of(m->what->sender),
                             .type = myl_str_of(m->what->type),
                             .state_key = myl_str_of(m->what->state_key),
                             .redacts = myl_str_of(m->what->redacts),
                             .depth = m->what->depth,
                             .prev_events = m->what->prev,
                             .prev_event_count = m->what->prev_count,
                             .auth_events = m->what->auth,
                             .auth_event_count = m->what->auth_count};
    myl_room_head head;
    myl_event event;
    myl_str bytes;

    if (clock == 0)
        clock = myl_now_ms() + 60000;
    draft.origin_server_ts = clock++;
    MYL_TRY(myl_room_require(cx, m->what->room_id, &head));
    draft.version = head.version;
    MYL_TRY(myl_json_parse(cx, myl_str_of(m->what->content), &draft.content));
    if (draft.version->redacts_in_content && myl_str_present(draft.redacts)) {
        draft.content =
            myl_json_with(cx, draft.content, MYL_S("redacts"), myl_json_of_str(cx, draft.redacts));
        draft.redacts = MYL_ABSENT;
    }
    MYL_TRY(choose_auth(cx, m->what, &draft));
    MYL_TRY(myl_event_finish(cx, &draft, key, myl_id_domain(draft.sender), &event, &bytes));
    myl_signing_key_end(key);
    m->event_id = myl_keep(&m->test->cx, event.event_id);
    return myl_json_parse(&m->test->cx, myl_keep(&m->test->cx, bytes), &m->pdu);
}

const myl_json *foreign_make(room_test *test, const foreign *what, myl_str *event_id)
{
    make_arg arg = {.test = test, .what = what};

    assert_int_equal(room_test_read(test, make, &arg), MYL_OK);
    *event_id = arg.event_id;
    return arg.pdu;
}

/* ---- admitting ---- */

typedef struct {
    room_test *test;
    myl_str room_id;
    const myl_json *pdu;
    const myl_admission *options;
    foreign_verdict verdict;
} admit_arg;

static const myl_str *keep_ids(room_test *test, const myl_str *ids, size_t count)
{
    myl_str *kept = myl_new_array(&test->cx, myl_str, count + 1);

    for (size_t i = 0; i < count; i++)
        kept[i] = myl_keep(&test->cx, ids[i]);
    return kept;
}

static myl_rc admit(myl_ctx *cx, void *arg)
{
    admit_arg *a = arg;
    myl_admission admission = {.coming = MYL_COMES_NEW};
    myl_incoming *incoming = myl_new(cx, myl_incoming);
    myl_admitted admitted;
    myl_room_head head;

    if (a->options != NULL)
        admission = *a->options;
    MYL_TRY(myl_room_require(cx, a->room_id, &head));
    MYL_TRY(myl_incoming_read(cx, head.version, a->pdu, incoming));
    admission.incoming = incoming;
    MYL_TRY(myl_room_admit(cx, &head, &admission, &admitted));
    a->verdict.kind = admitted.kind;
    a->verdict.rule = admitted.verdict.rule;
    a->verdict.event_id = myl_keep(&a->test->cx, incoming->event.event_id);
    a->verdict.missing_auth_count = admitted.missing_auth_count;
    a->verdict.missing_prev_count = admitted.missing_prev_count;
    a->verdict.missing_auth = keep_ids(a->test, admitted.missing_auth, admitted.missing_auth_count);
    a->verdict.missing_prev = keep_ids(a->test, admitted.missing_prev, admitted.missing_prev_count);
    a->verdict.stored = admitted.stored;
    return MYL_OK;
}

/* ---- with states resolved before the change ---- */

bool foreign_ahead;
size_t foreign_resolved;

static myl_rc number(myl_ctx *cx, void *arg)
{
    MYL_UNUSED(arg);
    return myl_room_ahead_number(cx);
}

static myl_rc resolve_ahead(room_test *test, myl_ctx *cx)
{
    myl_rc rc;

    myl_forgive(cx);
    foreign_resolved++;
    MYL_TRY(room_test_run_in(test, cx, number, NULL));
    MYL_TRY(myl_snapshot_open(cx, test->store));
    rc = myl_room_ahead_resolve(cx);
    myl_snapshot_close(cx);
    return rc;
}

/* As a lane does it; the engine resolves nothing itself. */
static myl_rc admit_ahead(room_test *test, admit_arg *arg, myl_str *why)
{
    myl_rc rc = MYL_UNRESOLVED;
    myl_ctx cx;

    myl_ctx_begin(&cx);
    myl_room_ahead_start(&cx);
    cx.ahead->hold_ms = 0;
    for (int round = 0; round < 4 && rc == MYL_UNRESOLVED; round++) {
        rc = room_test_run_in(test, &cx, admit, arg);
        if (rc == MYL_UNRESOLVED && resolve_ahead(test, &cx) != MYL_OK)
            break;
    }
    *why = myl_keep(&test->cx, cx.error.detail);
    myl_ctx_end(&cx);
    return rc;
}

foreign_verdict foreign_admit(room_test *test, myl_str room_id, const myl_json *pdu,
                              const myl_admission *options)
{
    admit_arg arg = {.test = test, .room_id = room_id, .pdu = pdu, .options = options};
    myl_str why;
    myl_rc rc =
        foreign_ahead ? admit_ahead(test, &arg, &why) : room_test_run(test, admit, &arg, &why);

    if (rc != MYL_OK)
        fail_msg("admit: %.*s", MYL_FMT(why));
    return arg.verdict;
}

foreign_verdict foreign_send(room_test *test, const foreign *what)
{
    myl_str event_id;
    const myl_json *pdu = foreign_make(test, what, &event_id);

    return foreign_admit(test, what->room_id, pdu, NULL);
}

/* ---- looking ---- */

typedef struct {
    room_test *test;
    myl_str room_id;
    const char *type, *state_key;
    myl_room_head head;
    myl_str event_id;
} look_arg;

static myl_rc look(myl_ctx *cx, void *arg)
{
    look_arg *l = arg;
    myl_stored stored;

    MYL_TRY(myl_room_require(cx, l->room_id, &l->head));
    if (l->type == NULL)
        return MYL_OK;
    MYL_TRY(myl_room_state_event(cx, l->head.state, l->type, myl_str_of(l->state_key), &stored));
    l->event_id = stored.number == 0 ? MYL_ABSENT : myl_keep(&l->test->cx, stored.event_id);
    return MYL_OK;
}

myl_room_head foreign_head(room_test *test, myl_str room_id)
{
    look_arg arg = {.test = test, .room_id = room_id};

    assert_int_equal(room_test_read(test, look, &arg), MYL_OK);
    return arg.head;
}

myl_str foreign_state(room_test *test, myl_str room_id, const char *type, const char *state_key)
{
    look_arg arg = {.test = test, .room_id = room_id, .type = type, .state_key = state_key};

    assert_int_equal(room_test_read(test, look, &arg), MYL_OK);
    return arg.event_id;
}

static void say_wrong(void *arg, myl_str line)
{
    MYL_UNUSED(arg);
    fprintf(stderr, "check: %.*s\n", MYL_FMT(line));
}

static myl_rc check_all(myl_ctx *cx, void *arg)
{
    myl_check *check = arg;

    myl_check_run(cx, myl_room_checks, check);
    myl_check_run(cx, myl_store_checks, check);
    return MYL_OK;
}

void foreign_check(room_test *test)
{
    myl_check check = {.say = say_wrong};

    assert_int_equal(room_test_read(test, check_all, &check), MYL_OK);
    assert_int_equal(check.wrong, 0);
}
