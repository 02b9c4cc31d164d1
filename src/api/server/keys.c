/* keys.c: our signing keys, and those of others as a notary gives them out.
 *
 * Spec:    Server-Server API, Retrieving server keys.
 * Threads: our own on a loop; a notary's questions on a lane, since it asks the servers.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <myelin/base_clock.h>
#include <myelin/base_limit.h>
#include <myelin/base_list.h>
#include <myelin/fed_keys.h>
#include <myelin/http_request.h>
#include <myelin/matrix_id.h>

#include "api/api_own.h"

myl_rc myl_server_keys(myl_req *req, const myl_body_none *in)
{
    const myl_json *json;
    myl_text text = MYL_TEXT(&req->cx);

    MYL_UNUSED(in);
    MYL_TRY(myl_fed_own_keys(&req->cx, &json));
    myl_json_write(&text, json);
    return myl_reply_json(req, 200, myl_text_str(&text));
}

/* ---- as a notary ---- */

typedef struct {
    myl_fed_notary_ask ask;
    myl_list lists; /* const myl_json * */
    bool stale;
} question;

static myl_rc read_lists(myl_ctx *cx, question *questions, size_t count)
{
    MYL_TRY(myl_snapshot_open(cx, myl_fed_server()->store));
    myl_rc rc = MYL_OK;
    for (size_t i = 0; i < count && rc == MYL_OK; i++)
        rc = myl_fed_notary_keys(cx, &questions[i].ask, &questions[i].lists, &questions[i].stale);
    myl_snapshot_close(cx);
    return rc;
}

/* What is not kept, or is old, is asked for; what then is kept is given out, also when it is old. */
static myl_rc find_lists(myl_ctx *cx, question *questions, size_t count)
{
    myl_list ask = MYL_LIST(cx, myl_str);

    MYL_TRY(read_lists(cx, questions, count));
    for (size_t i = 0; i < count; i++) {
        if (questions[i].stale)
            myl_list_push(&ask, myl_str, questions[i].ask.server);
    }
    if (ask.count == 0)
        return MYL_OK;
    MYL_TRY(myl_fed_keys_fetch(cx, ask.at, ask.count));
    return read_lists(cx, questions, count);
}

static myl_rc write_lists(myl_ctx *cx, myl_writer *w, const question *one)
{
    const myl_json *own;

    if (myl_str_equal(one->ask.server, myl_api_config()->server_name)) {
        MYL_TRY(myl_fed_own_keys(cx, &own));
        myl_write_json(w, NULL, own);
        return MYL_OK;
    }
    for (size_t i = 0; i < one->lists.count; i++)
        myl_write_json(w, NULL, myl_list_get(&one->lists, const myl_json *, i));
    return MYL_OK;
}

static myl_rc answer(myl_req *req, myl_list *questions)
{
    myl_writer w = myl_write_start(&req->cx, 1024);

    for (size_t i = 0; i < questions->count; i++) {
        const question *one = myl_list_at(questions, i);
        if (!myl_id_is_server(one->ask.server))
            return myl_fail(&req->cx, MYL_INVALID_PARAM, "server_keys: not a server name");
    }
    MYL_TRY(find_lists(&req->cx, questions->at, questions->count));
    myl_write_open(&w, '{');
    myl_write_open_key(&w, "server_keys", '[');
    for (size_t i = 0; i < questions->count; i++)
        MYL_TRY(write_lists(&req->cx, &w, myl_list_at(questions, i)));
    myl_write_close(&w, ']');
    myl_write_close(&w, '}');
    return myl_reply_written(req, &w);
}

myl_rc myl_server_key_query(myl_req *req, const myl_body_none *in)
{
    myl_list questions = MYL_LIST(&req->cx, question);
    question *one = myl_list_add(&questions);

    MYL_UNUSED(in);
    one->ask.server = req->path.server_name;
    MYL_TRY(myl_req_query_int(req, "minimum_valid_until_ts", INT64_MIN, INT64_MAX, myl_now_ms(),
                              &one->ask.wanted_until_ms));
    return answer(req, &questions);
}

/* The latest of the times wanted for any of its keys. */
static int64_t wanted_until(const myl_json *criteria)
{
    int64_t latest = 0, ts;
    bool any = false;

    for (uint32_t i = 0; i < criteria->count; i++) {
        if (!myl_json_int(&criteria->items[i], MYL_S("minimum_valid_until_ts"), &ts))
            continue;
        latest = any && latest > ts ? latest : ts;
        any = true;
    }
    return any ? latest : myl_now_ms();
}

myl_rc myl_server_key_query_many(myl_req *req, const myl_body_fed_server_keys *in)
{
    myl_list questions = MYL_LIST(&req->cx, question);

    if (in->server_keys->count > MYL_LIMIT_FED_NOTARY_SERVERS)
        return myl_fail(&req->cx, MYL_INVALID_PARAM, "server_keys: at most %d servers at once",
                        MYL_LIMIT_FED_NOTARY_SERVERS);
    for (uint32_t i = 0; i < in->server_keys->count; i++) {
        question *one = myl_list_add(&questions);
        one->ask = (myl_fed_notary_ask){.server = in->server_keys->items[i].key,
                                        .wanted_until_ms = wanted_until(&in->server_keys->items[i]),
                                        .criteria = &in->server_keys->items[i]};
    }
    return answer(req, &questions);
}
