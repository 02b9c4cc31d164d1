/* call.c: a request on its way to another server: signed, its server found, sent, tried at the next address.
 *
 * Callers: everything in fed/ that asks other servers; outbox/ without waiting.
 * Threads: signing and reading of answers on the caller's thread, the rest on the sender.
 * Memory:  of the caller's job, which belongs to the sender while the call is under way.
 * Holds:   a request is sent again only when the former try never reached the server.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "fed/fed_own.h"

#include <ctype.h>

static struct {
    const myl_fed_setup *setup;
    myl_fed_setup copy;
} server;

void myl_fed_start(const myl_fed_setup *setup)
{
    server.copy = *setup;
    server.setup = &server.copy;
    myl_fed_discovery_start();
    myl_fed_keys_start();
}

void myl_fed_stop(void)
{
    if (server.setup == NULL)
        return;
    myl_fed_discovery_stop();
    myl_fed_keys_stop();
    myl_fed_spaces_stop();
    server.setup = NULL;
}

const myl_fed_setup *myl_fed_server(void)
{
    return server.setup;
}

/* ---- who may be spoken to ---- */

/* "example.org", or "*.example.org" for all below it; the port does not count. */
static bool is_listed(const myl_config_texts *list, myl_str name)
{
    size_t end = myl_str_starts(name, MYL_S("[")) ? SIZE_MAX : myl_str_find(name, ':', 0);
    myl_str host = myl_str_slice(name, 0, end);

    for (size_t i = 0; i < list->count; i++) {
        myl_str one = list->items[i];
        if (myl_str_equal(one, name) || myl_str_equal(one, host) ||
            (myl_str_starts(one, MYL_S("*.")) &&
             myl_str_ends(host, myl_str_slice(one, 1, SIZE_MAX))))
            return true;
    }
    return false;
}

bool myl_fed_is_allowed(myl_str server_name)
{
    const myl_config *config = server.setup->config;

    return config->federation_enabled && !is_listed(&config->federation_deny, server_name) &&
           (config->federation_allow.count == 0 ||
            is_listed(&config->federation_allow, server_name));
}

/* ---- paths ---- */

static void add_encoded(myl_text *text, myl_str part)
{
    static const char digits[] = "0123456789ABCDEF";

    for (size_t i = 0; i < part.len; i++) {
        unsigned char c = (unsigned char)part.at[i];
        if (isalnum(c) || (c != '\0' && strchr("-._~", c) != NULL)) {
            myl_text_add_byte(text, (char)c);
            continue;
        }
        myl_text_add_byte(text, '%');
        myl_text_add_byte(text, digits[c >> 4]);
        myl_text_add_byte(text, digits[c & 15]);
    }
}

myl_str myl_fed_path(myl_ctx *cx, const char *form, const myl_str *parts, size_t count)
{
    myl_text text = MYL_TEXT(cx);
    size_t next = 0;

    for (const char *at = form; *at != '\0'; at++) {
        if (at[0] != '{' || at[1] != '}') {
            myl_text_add_byte(&text, *at);
            continue;
        }
        MYL_ASSERT(next < count);
        add_encoded(&text, parts[next++]);
        at++;
    }
    return myl_text_str(&text);
}

/* ---- one call ---- */

typedef struct {
    myl_fed_send *send;
    fed_wanted wanted;
    myl_net_call call;
    myl_net_header headers[3];
    size_t header_count;
    size_t target;
    bool searched_again;
} flight;

static void try_target(flight *self);

static void search(flight *self);

static void land(flight *self, myl_rc rc, myl_str failure)
{
    myl_fed_send *send = self->send;

    send->rc = rc;
    send->failure = failure;
    send->done(send);
}

/* The way was remembered and leads nowhere now: look anew, once. */
static bool search_again(flight *self)
{
    if (self->searched_again || self->wanted.route.is_fresh || myl_net_stopping())
        return false;
    self->searched_again = true;
    myl_fed_forget_route(self->send->request.destination);
    search(self);
    return true;
}

static void answered(myl_net_call *call)
{
    flight *self = call->arg;

    if (call->rc == MYL_OK) {
        self->send->status = call->status;
        self->send->body = call->reply;
        land(self, MYL_OK, MYL_ABSENT);
    } else if (call->unreachable && ++self->target < self->wanted.route.target_count) {
        try_target(self);
    } else if (!call->unreachable || !search_again(self)) {
        land(self, call->rc == MYL_BAD_REQUEST ? MYL_INVALID_PARAM : call->rc, call->failure);
    }
}

static void set_address(flight *self, const fed_route *route)
{
    const myl_net_target *target = &route->targets[self->target];
    myl_str path = self->send->request.path;
    bool is_same = myl_str_equal(target->host, route->certificate) ||
                   myl_str_starts(route->certificate, MYL_S("["));

    self->call.url = myl_strf(self->send->cx, "https://%.*s:%u%.*s", MYL_FMT(route->certificate),
                              target->port, MYL_FMT(path));
    if (is_same)
        return;
    self->call.connect_host = target->host;
    self->call.connect_port = target->port;
}

static void try_target(flight *self)
{
    const myl_fed_request *request = &self->send->request;
    const fed_route *route = &self->wanted.route;

    self->headers[0] = (myl_net_header){MYL_S("Host"), route->host_header};
    self->call = (myl_net_call){.cx = self->send->cx,
                                .method = request->method,
                                .headers = self->headers,
                                .header_count = self->header_count,
                                .body = request->ready_body,
                                .timeout_ms = request->timeout_ms,
                                .reply_limit = request->reply_limit,
                                .stream = self->send->stream,
                                .done = answered,
                                .arg = self};
    set_address(self, route);
    myl_net_call_start(&self->call);
}

static void way_known(fed_wanted *wanted)
{
    flight *self = MYL_OF(wanted, flight, wanted);

    self->target = 0;
    if (wanted->rc == MYL_OK)
        try_target(self);
    else
        land(self, wanted->rc, MYL_S("no server name"));
}

static void search(flight *self)
{
    self->wanted.server = self->send->request.destination;
    self->wanted.cx = self->send->cx;
    self->wanted.done = way_known;
    myl_fed_discover(&self->wanted);
}

/* On the caller's thread: body, signature, headers. */
static myl_rc prepare(myl_fed_send *send)
{
    myl_fed_request *request = &send->request;
    myl_ctx *cx = send->cx;
    flight *self = myl_new(cx, flight);
    fed_name name;

    send->own = self;
    self->send = send;
    if (!myl_fed_name_read(request->destination, &name))
        return MYL_INVALID_PARAM;
    if (!myl_fed_is_allowed(request->destination) ||
        myl_str_equal(request->destination, server.setup->config->server_name))
        return MYL_FORBIDDEN;
    if (request->timeout_ms == 0)
        request->timeout_ms = server.setup->config->federation_request_timeout;
    if (request->body != NULL) {
        myl_text body = MYL_TEXT(cx);
        MYL_TRY(myl_json_canonical(cx, request->body, MYL_JSON_LOOSE, &body));
        request->ready_body = myl_text_str(&body);
    }
    self->header_count = 1;
    if (!request->is_unsigned)
        self->headers[self->header_count++] =
            (myl_net_header){MYL_S("Authorization"),
                             myl_fed_header_write(cx, request, request->ready_body)};
    if (myl_str_present(request->ready_body))
        self->headers[self->header_count++] =
            (myl_net_header){MYL_S("Content-Type"), MYL_S("application/json")};
    return MYL_OK;
}

static const char *refusal_of(myl_rc rc)
{
    return rc == MYL_INVALID_PARAM ? "no server name"
           : rc == MYL_FORBIDDEN   ? "this server may not be spoken to"
                                   : "the request cannot be made";
}

void myl_fed_send_start(myl_fed_send *send)
{
    send->rc = prepare(send);
    if (send->rc == MYL_OK)
        search(send->own);
    else
        land(send->own, send->rc, myl_str_of(refusal_of(send->rc)));
}

/* ---- waiting ---- */

typedef struct {
    myl_net_post post;
    myl_queue *answers;
    myl_fed_send send;
    myl_ctx cx; /* of this call: several share no arena while they run */
} waited;

static void give_back(myl_fed_send *send)
{
    waited *self = send->arg;

    myl_queue_put(self->answers, &self->post.item);
}

static void start_posted(myl_net_post *post)
{
    search(MYL_OF(post, waited, post)->send.own);
}

static void read_reply(myl_ctx *cx, const waited *self, myl_fed_reply *reply)
{
    const myl_fed_send *send = &self->send;

    *reply = (myl_fed_reply){.rc = send->rc, .status = send->status};
    reply->failure = myl_keep(cx, send->failure);
    if (send->rc != MYL_OK)
        return;
    reply->body = myl_keep(cx, send->body);
    if (send->stream != NULL && reply->status == 200)
        return; /* it has been taken */
    if (myl_json_parse(cx, reply->body, &reply->json) != MYL_OK) {
        reply->json = NULL;
        myl_forgive(cx);
    }
    if (reply->status >= 300)
        reply->errcode = myl_json_text(reply->json, MYL_S("errcode"));
}

static bool launch(waited *self, const myl_fed_request *request, myl_queue *answers,
                   myl_net_stream *stream)
{
    myl_ctx_begin(&self->cx);
    self->answers = answers;
    self->send = (myl_fed_send){
        .cx = &self->cx, .request = *request, .done = give_back, .arg = self, .stream = stream};
    self->post.run = start_posted;
    myl_rc rc = prepare(&self->send);
    if (rc == MYL_OK)
        rc = myl_net_run(&self->post);
    if (rc == MYL_OK)
        return true; /* the sender has it */
    self->send.rc = rc;
    self->send.failure = myl_str_of(refusal_of(self->send.rc));
    return false;
}

void myl_fed_call_many(myl_ctx *cx, const myl_fed_request *requests, size_t count,
                       myl_fed_reply *replies)
{
    myl_queue *answers = myl_queue_start(0, NULL, NULL);
    waited *all = myl_process_alloc((count == 0 ? 1 : count) * sizeof(*all));
    size_t out = 0;

    MYL_ASSERT(!myl_net_is_sender() && cx->txn == NULL);
    for (size_t i = 0; i < count; i++)
        out += launch(&all[i], &requests[i], answers, NULL);
    while (out-- > 0)
        myl_queue_take(answers);
    for (size_t i = 0; i < count; i++) {
        read_reply(cx, &all[i], &replies[i]);
        myl_ctx_end(&all[i].cx);
    }
    myl_queue_end(answers);
    myl_process_free(all);
}

myl_rc myl_fed_call(myl_ctx *cx, const myl_fed_request *request, myl_fed_reply *reply)
{
    myl_fed_call_many(cx, request, 1, reply);
    if (reply->rc == MYL_OK)
        return MYL_OK;
    return myl_fail(cx, reply->rc, "%.*s: %.*s", MYL_FMT(request->destination),
                    MYL_FMT(reply->failure));
}

/* Until the call is over; what `take` said. */
static myl_rc take_all(waited *self, const myl_fed_taker *taker)
{
    myl_net_stream *stream = self->send.stream;
    myl_rc rc = MYL_OK;
    bool over = false;

    while (!over || !myl_net_stream_is_still(stream)) {
        myl_queue_item *item = myl_queue_take(self->answers);
        myl_str bytes;

        if (item == &self->post.item) {
            over = true;
        } else if (myl_net_stream_read(stream, item, &bytes)) {
            bool left = rc != MYL_OK;

            if (!left)
                rc = taker->take(taker->arg, bytes);
            if (!left && rc != MYL_OK)
                myl_net_stream_leave(stream);
            myl_net_stream_drop(stream, item);
        }
    }
    return rc;
}

myl_rc myl_fed_call_taking(myl_ctx *cx, const myl_fed_request *request, const myl_fed_taker *taker,
                           myl_fed_reply *reply)
{
    waited *self = myl_process_alloc(sizeof(*self));
    myl_queue *answers = myl_queue_start(0, NULL, NULL);
    myl_net_stream stream;
    myl_rc rc = MYL_OK;

    MYL_ASSERT(!myl_net_is_sender() && cx->txn == NULL);
    myl_net_stream_start(&stream, answers, server.setup->config->federation_stall_timeout);
    if (launch(self, request, answers, &stream))
        rc = take_all(self, taker);
    read_reply(cx, self, reply);
    myl_ctx_end(&self->cx);
    myl_process_free(self);
    myl_queue_end(answers);
    if (rc != MYL_OK)
        return myl_fail(cx, rc, "%.*s", MYL_FMT(request->destination));
    if (reply->rc == MYL_OK)
        return MYL_OK;
    return myl_fail(cx, reply->rc, "%.*s: %.*s", MYL_FMT(request->destination),
                    MYL_FMT(reply->failure));
}

myl_rc myl_fed_reply_check(myl_ctx *cx, const myl_fed_request *request, const myl_fed_reply *reply)
{
    myl_str words = myl_json_text(reply->json, MYL_S("error"));
    myl_rc rc = reply->status == 403   ? MYL_FORBIDDEN
                : reply->status == 404 ? MYL_NOT_FOUND
                                       : MYL_REMOTE_DOWN;

    if (reply->status >= 200 && reply->status < 300 && reply->json != NULL)
        return MYL_OK;
    if (reply->status >= 200 && reply->status < 300)
        return myl_fail(cx, MYL_REMOTE_DOWN, "%.*s: the answer is no JSON",
                        MYL_FMT(request->destination));
    return myl_fail(cx, rc, "%.*s answered %d: %.*s", MYL_FMT(request->destination), reply->status,
                    MYL_FMT(myl_str_slice(words, 0, 200)));
}
