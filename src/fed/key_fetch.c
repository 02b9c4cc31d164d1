/* key_fetch.c: keys that are not known: asked of their servers, then of the notaries.
 *
 * Why:     one answer serves all who want it; who does not answer is not asked again at once.
 * Callers: keys for requests (auth.c) and events (verify.c), the notary endpoints.
 * Threads: lanes and commands. Lock FED_KEY_FETCH over who is being asked and who has failed.
 * Holds:   a server is asked by one thread at a time; others wait for its end. Nobody waits with a question of its own
 *          open, so nobody waits for ever.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "fed/fed_own.h"

#include <pthread.h>

enum {
    AGAIN_MS = 500,
    AT_ONCE_AGAIN = 4,
    FIRST_MS = 5000,
    LONGEST_MS = 300000,
    ASK_MS = 10000,
    ASKED = 8192
};

typedef struct asked {
    struct asked *next; /* of the same hash */
    myl_str server;
    bool is_open; /* a question is under way */
    unsigned failures;
    int64_t again_ms;
} asked;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* FED_KEY_FETCH */
static pthread_cond_t answered = PTHREAD_COND_INITIALIZER;
static myl_table *table;
static size_t table_count;

/* ---- who is asked ---- */

static asked *find(myl_str server)
{
    asked *one = myl_table_get(table, myl_str_hash(server));

    while (one != NULL && !myl_str_equal(one->server, server))
        one = one->next;
    return one;
}

static void forget_idle(void)
{
    myl_table *kept = myl_table_start();
    size_t at = 0;
    uint64_t key;
    void *value;

    table_count = 0;
    while (myl_table_next(table, &at, &key, &value)) {
        for (asked *one = value, *next; one != NULL; one = next) {
            next = one->next;
            if (!one->is_open) {
                myl_process_free((void *)(uintptr_t)one->server.at);
                myl_process_free(one);
                continue;
            }
            one->next = myl_table_get(kept, key);
            myl_table_set(kept, key, one);
            table_count++;
        }
    }
    myl_table_end(table);
    table = kept;
}

static asked *find_or_make(myl_str server)
{
    asked *one = find(server);

    if (one != NULL)
        return one;
    if (table_count >= ASKED)
        forget_idle();
    uint64_t hash = myl_str_hash(server);
    one = myl_process_alloc(sizeof(*one));
    one->server = myl_process_keep(server);
    one->next = myl_table_get(table, hash);
    myl_table_set(table, hash, one);
    table_count++;
    return one;
}

/* Those to ask now; the others are being asked (`waits`) or have failed lately. */
static void open_questions(myl_list *servers, myl_list *ask, myl_list *waits)
{
    int64_t now = myl_tick_ms();

    pthread_mutex_lock(&lock);
    for (size_t i = 0; i < servers->count; i++) {
        myl_str server = myl_list_get(servers, myl_str, i);
        asked *one = find_or_make(server);
        if (one->is_open) {
            myl_list_push(waits, myl_str, server);
        } else if (one->again_ms <= now) {
            one->is_open = true;
            myl_list_push(ask, myl_str, server);
        }
    }
    pthread_mutex_unlock(&lock);
}

/* A server that answers is asked a few times at once, and then every AGAIN_MS; one that does not, later and later. */
static int64_t next_time(const asked *one)
{
    int64_t now = myl_tick_ms(), earliest = now - (AT_ONCE_AGAIN - 1) * AGAIN_MS, wait;
    unsigned doublings = one->failures > 7 ? 6 : one->failures - 1;

    if (one->failures == 0)
        return (one->again_ms > earliest ? one->again_ms : earliest) + AGAIN_MS;
    wait = (int64_t)FIRST_MS << doublings;
    return now + (wait > LONGEST_MS ? LONGEST_MS : wait);
}

static void close_questions(const myl_list *ask, const bool *good)
{
    pthread_mutex_lock(&lock);
    for (size_t i = 0; i < ask->count; i++) {
        asked *one = find(myl_list_get(ask, myl_str, i));
        one->is_open = false;
        one->failures = good[i] ? 0 : one->failures + 1;
        one->again_ms = next_time(one);
    }
    pthread_cond_broadcast(&answered);
    pthread_mutex_unlock(&lock);
}

static void wait_for_others(const myl_list *waits)
{
    pthread_mutex_lock(&lock);
    for (size_t i = 0; i < waits->count; i++) {
        const asked *one;
        while ((one = find(myl_list_get(waits, myl_str, i))) != NULL && one->is_open)
            pthread_cond_wait(&answered, &lock);
    }
    pthread_mutex_unlock(&lock);
}

/* ---- what they say ---- */

typedef struct {
    fed_key_list list;
    myl_str json; /* canonical */
} answer;

typedef struct {
    myl_change change;
    const myl_list *answers;
} keep_change;

static myl_rc keep_answers(myl_change *change)
{
    const myl_list *answers = MYL_OF(change, keep_change, change)->answers;

    for (size_t i = 0; i < answers->count; i++) {
        const answer *one = myl_list_at(answers, i);
        MYL_TRY(myl_fed_key_list_put(change->cx, &one->list, one->json));
    }
    return MYL_OK;
}

static myl_rc keep(myl_ctx *cx, const myl_list *answers)
{
    keep_change change = {.change = {.name = "server_keys", .cx = cx, .run = keep_answers},
                          .answers = answers};

    if (answers->count == 0)
        return MYL_OK;
    MYL_TRY(myl_engine_run(myl_fed_server()->engine, &change.change));
    for (size_t i = 0; i < answers->count; i++)
        myl_fed_key_list_learn(&((const answer *)myl_list_at(answers, i))->list);
    return MYL_OK;
}

static bool take_answer(myl_ctx *cx, const myl_json *json, myl_str server, myl_list *answers)
{
    myl_text text = MYL_TEXT(cx);
    fed_key_list list;

    if (!myl_fed_key_list_read(cx, json, server, myl_now_ms(), &list))
        return false;
    myl_json_write(&text, json);
    if (text.len > MYL_LIMIT_FED_KEYS_BYTES)
        return false;
    answer *one = myl_list_add(answers);
    one->list = list;
    one->json = myl_text_str(&text);
    return true;
}

/* ---- the servers themselves ---- */

static int64_t ask_ms(void)
{
    int64_t most = myl_fed_server()->config->federation_request_timeout;

    return most < ASK_MS ? most : ASK_MS;
}

static myl_rc ask_servers(myl_ctx *cx, myl_list *servers)
{
    myl_list ask = MYL_LIST(cx, myl_str), waits = MYL_LIST(cx, myl_str);
    myl_list answers = MYL_LIST(cx, answer);

    open_questions(servers, &ask, &waits);
    myl_fed_request *requests = myl_new_array(cx, myl_fed_request, ask.count);
    myl_fed_reply *replies = myl_new_array(cx, myl_fed_reply, ask.count);
    bool *good = myl_new_array(cx, bool, ask.count);
    for (size_t i = 0; i < ask.count; i++)
        requests[i] = (myl_fed_request){.destination = myl_list_get(&ask, myl_str, i),
                                        .method = "GET",
                                        .path = MYL_S("/_matrix/key/v2/server"),
                                        .timeout_ms = ask_ms(),
                                        .reply_limit = MYL_LIMIT_FED_KEYS_BYTES,
                                        .is_unsigned = true};
    myl_metric_add(MYL_METRIC_FED_KEY_FETCHES, (int64_t)ask.count);
    myl_fed_call_many(cx, requests, ask.count, replies);
    for (size_t i = 0; i < ask.count; i++)
        good[i] = replies[i].rc == MYL_OK && replies[i].status == 200 &&
                  take_answer(cx, replies[i].json, requests[i].destination, &answers);
    myl_rc rc = keep(cx, &answers);
    close_questions(&ask, good);
    wait_for_others(&waits);
    return rc;
}

/* ---- notaries ---- */

static myl_str query_body(myl_ctx *cx, const fed_key_want *wants, size_t count)
{
    const myl_json *servers = myl_json_empty_object();
    myl_text body = MYL_TEXT(cx);

    for (size_t i = 0; i < count; i++) {
        const myl_json *one = myl_json_object(servers, wants[i].server), *criteria;
        if (myl_str_present(wants[i].key_id)) {
            criteria = myl_json_with(cx, NULL, MYL_S("minimum_valid_until_ts"),
                                     myl_json_of_int(cx, wants[i].ts));
            one = myl_json_with(cx, one, wants[i].key_id, criteria);
        }
        servers = myl_json_with(cx, servers, wants[i].server,
                                one == NULL ? myl_json_empty_object() : one);
    }
    myl_json_write(&body, myl_json_with(cx, NULL, MYL_S("server_keys"), servers));
    return myl_text_str(&body);
}

/* Has the notary signed this list? */
static bool notary_signed(myl_ctx *cx, const myl_json *json, myl_str notary)
{
    const myl_json *all = myl_json_object(json, MYL_S("signatures"));
    const myl_json *its = myl_json_object(all, notary);

    for (uint32_t i = 0; its != NULL && i < its->count && i < MYL_LIMIT_FED_SERVER_KEYS; i++) {
        myl_fed_key key;
        bool known;
        if (myl_fed_key_known(cx, notary, its->items[i].key, &key, &known) == MYL_OK && known &&
            myl_json_verify(cx, json, notary, its->items[i].key,
                            (myl_str){(const char *)key.bytes, sizeof(key.bytes)}))
            return true;
    }
    return false;
}

static myl_rc ask_notary(myl_ctx *cx, myl_str notary, const fed_key_want *wants, size_t count)
{
    myl_list answers = MYL_LIST(cx, answer), itself = MYL_LIST(cx, myl_str);
    myl_fed_request request = {.destination = notary,
                               .method = "POST",
                               .path = MYL_S("/_matrix/key/v2/query"),
                               .ready_body = query_body(cx, wants, count),
                               .timeout_ms = ask_ms()};
    myl_fed_reply reply;

    myl_list_push(&itself, myl_str, notary);
    MYL_TRY(ask_servers(cx, &itself));
    myl_fed_call_many(cx, &request, 1, &reply);
    const myl_json *lists = myl_json_array(reply.json, MYL_S("server_keys"));
    if (reply.rc != MYL_OK || reply.status != 200 || lists == NULL)
        return MYL_OK;
    for (uint32_t i = 0; i < lists->count; i++) {
        myl_str server = myl_json_text(&lists->items[i], MYL_S("server_name"));
        bool wanted = false;
        for (size_t w = 0; w < count; w++)
            wanted = wanted || myl_str_equal(wants[w].server, server);
        if (wanted && notary_signed(cx, &lists->items[i], notary))
            take_answer(cx, &lists->items[i], server, &answers);
    }
    return keep(cx, &answers);
}

/* ---- what is still wanted ---- */

myl_rc myl_fed_key_want_met(myl_ctx *cx, const fed_key_want *want, bool *met)
{
    myl_fed_key key;

    *met = false;
    if (!myl_str_present(want->key_id))
        return MYL_OK;
    MYL_TRY(myl_fed_key_known(cx, want->server, want->key_id, &key, met));
    *met = *met && myl_fed_key_fits(&key, want->version, want->ts);
    return MYL_OK;
}

static myl_rc unmet(myl_ctx *cx, const fed_key_want *wants, size_t count, myl_list *out)
{
    bool met;

    for (size_t i = 0; i < count; i++) {
        MYL_TRY(myl_fed_key_want_met(cx, &wants[i], &met));
        if (!met && !myl_str_equal(wants[i].server, myl_fed_server()->config->server_name))
            myl_list_push(out, fed_key_want, wants[i]);
    }
    return MYL_OK;
}

static void add_once(myl_map *seen, myl_list *servers, myl_str server)
{
    void **slot = myl_map_slot(seen, server);

    if (*slot == NULL)
        myl_list_push(servers, myl_str, server);
    *slot = servers;
}

myl_rc myl_fed_keys_get(myl_ctx *cx, const fed_key_want *wants, size_t count)
{
    const myl_config_texts *notaries = &myl_fed_server()->config->federation_key_servers;
    myl_list left = MYL_LIST(cx, fed_key_want), servers = MYL_LIST(cx, myl_str);
    myl_map *seen = myl_map_start(cx, count);

    MYL_TRY(unmet(cx, wants, count, &left));
    for (size_t i = 0; i < left.count; i++)
        add_once(seen, &servers, ((fed_key_want *)myl_list_at(&left, i))->server);
    if (servers.count == 0)
        return MYL_OK;
    MYL_TRY(ask_servers(cx, &servers));
    for (size_t n = 0; n < notaries->count; n++) {
        myl_list still = MYL_LIST(cx, fed_key_want);
        MYL_TRY(unmet(cx, left.at, left.count, &still));
        if (still.count == 0)
            break;
        MYL_TRY(ask_notary(cx, notaries->items[n], still.at, still.count));
    }
    return MYL_OK;
}

myl_rc myl_fed_keys_fetch(myl_ctx *cx, const myl_str *servers, size_t count)
{
    fed_key_want *wants = myl_new_array(cx, fed_key_want, count);

    for (size_t i = 0; i < count; i++)
        wants[i] = (fed_key_want){.server = servers[i], .key_id = MYL_ABSENT};
    return myl_fed_keys_get(cx, wants, count);
}

void myl_fed_key_fetch_start(void)
{
    table = myl_table_start();
    table_count = 0;
}

void myl_fed_key_fetch_stop(void)
{
    forget_idle();
    myl_table_end(table);
    table = NULL;
}
