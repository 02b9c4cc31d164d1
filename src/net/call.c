/* call.c: outgoing HTTP calls, by one libcurl multi handle on the sender thread.
 *
 * Why:     connections are kept and shared, and a call that waits costs a handle, not a thread.
 * Callers: fed/, outbox/, media/, gateways, by net_call.h.
 * Threads: the sender; myl_net_call_wait from others.
 * Memory:  a transfer is process memory from start to done; the answer is copied into the call's job at the end.
 * Holds:   libcurl never looks a name up: it is given addresses, or the URL holds one. Each socket's address is
 *          asked once more before it opens.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "net/net_own.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <curl/curl.h>

#include <myelin/base_list.h>
#include <myelin/base_table.h>

enum { IDLE_HANDLES = 64, CONNECT_MS = 10000, KEPT_S = 110, NAME_S = 20, STREAMS = 100 };

typedef struct transfer {
    struct transfer *next, *before; /* all that are under way */
    myl_net_call *call;
    net_url url;
    myl_str url_text; /* in the call's job */
    net_lookup lookup;
    CURL *easy;
    struct curl_slist *headers, *names;
    char *body; /* process memory that grows */
    size_t len, room, limit;
    size_t streamed; /* bytes that have gone on */
    myl_list reply_headers;
    size_t header_bytes;
    int64_t deadline_ms; /* real */
    unsigned redirects;
    bool too_large, refused;
    char words[CURL_ERROR_SIZE];
} transfer;

static struct {
    CURLM *multi;
    CURL *idle[IDLE_HANDLES];
    size_t idle_count;
    transfer *first;
    int64_t due_ms; /* real; -1: never */
    int trust_fd;
    char trust_path[64];
} calls;

static void begin(transfer *self);

/* ---- the end of a transfer ---- */

static void free_handles(transfer *self)
{
    curl_slist_free_all(self->headers);
    curl_slist_free_all(self->names);
    self->headers = self->names = NULL;
    if (self->easy == NULL)
        return;
    if (calls.idle_count < IDLE_HANDLES) {
        curl_easy_reset(self->easy);
        calls.idle[calls.idle_count++] = self->easy;
    } else {
        curl_easy_cleanup(self->easy);
    }
    self->easy = NULL;
}

static void finish(transfer *self, myl_rc rc)
{
    myl_net_call *call = self->call;

    free_handles(self);
    if (self->before != NULL)
        self->before->next = self->next;
    else
        calls.first = self->next;
    if (self->next != NULL)
        self->next->before = self->before;
    call->rc = rc;
    call->own = NULL;
    if (call->stream != NULL)
        call->stream->transfer = NULL;
    if (rc == MYL_OK) {
        call->reply = myl_keep(call->cx, (myl_str){self->len > 0 ? self->body : "", self->len});
        call->reply_headers = self->reply_headers.at;
        call->reply_header_count = self->reply_headers.count;
    }
    myl_process_free(self->body);
    myl_process_free(self);
    myl_metric_add(MYL_METRIC_NET_CALLS, 1);
    if (rc != MYL_OK)
        myl_metric_add(MYL_METRIC_NET_FAILURES, 1);
    call->done(call);
}

static void fail(transfer *self, myl_rc rc, const char *words)
{
    self->call->failure = myl_keep(self->call->cx, myl_str_of(words));
    finish(self, rc);
}

/* ---- what libcurl calls ---- */

/* From its first byte on an answer must come at some speed. */
static bool is_streamed(transfer *self)
{
    long status = 0;

    if (self->call->stream == NULL ||
        curl_easy_getinfo(self->easy, CURLINFO_RESPONSE_CODE, &status) != CURLE_OK || status != 200)
        return false;
    if (self->streamed == 0 && self->call->stream->stall_ms > 0) {
        curl_easy_setopt(self->easy, CURLOPT_LOW_SPEED_LIMIT, (long)MYL_LIMIT_NET_STREAM_RATE);
        curl_easy_setopt(self->easy, CURLOPT_LOW_SPEED_TIME,
                         (long)((self->call->stream->stall_ms + 999) / 1000));
    }
    return true;
}

static size_t pass_on(transfer *self, myl_str bytes)
{
    if (self->streamed + bytes.len > self->limit) {
        self->too_large = true;
        return 0;
    }
    if (myl_net_stream_put(self->call->stream, bytes) == NET_STREAM_FULL)
        return CURL_WRITEFUNC_PAUSE;
    self->streamed += bytes.len;
    return bytes.len;
}

void myl_net_transfer_resume(void *transfer_of_it)
{
    transfer *self = transfer_of_it;

    if (self->easy != NULL)
        curl_easy_pause(self->easy, CURLPAUSE_CONT);
}

static size_t on_body(char *bytes, size_t one, size_t len, void *arg)
{
    transfer *self = arg;

    MYL_UNUSED(one);
    if (is_streamed(self))
        return pass_on(self, (myl_str){bytes, len});
    if (self->len + len > self->limit) {
        self->too_large = true;
        return 0;
    }
    if (self->len + len > self->room) {
        size_t room = 2 * self->room > self->len + len ? 2 * self->room : self->len + len;
        self->body = myl_process_grow(self->body, self->room, room);
        self->room = room;
    }
    memcpy(self->body + self->len, bytes, len);
    self->len += len;
    return len;
}

static myl_str trimmed(myl_str text)
{
    while (text.len > 0 && isspace((unsigned char)text.at[0]))
        text = (myl_str){text.at + 1, text.len - 1};
    while (text.len > 0 && isspace((unsigned char)text.at[text.len - 1]))
        text.len--;
    return text;
}

static void keep_header(transfer *self, myl_str line, size_t colon)
{
    myl_ctx *cx = self->call->cx;
    myl_net_header *header = myl_list_add(&self->reply_headers);
    char *name = myl_cstr(cx, myl_str_slice(line, 0, colon));

    for (size_t i = 0; i < colon; i++)
        name[i] = (char)tolower((unsigned char)name[i]);
    header->name = (myl_str){name, colon};
    header->value = myl_keep(cx, trimmed(myl_str_slice(line, colon + 1, SIZE_MAX)));
}

static size_t on_header(char *bytes, size_t one, size_t len, void *arg)
{
    transfer *self = arg;
    myl_str line = {bytes, len};
    size_t colon = myl_str_find(line, ':', 0);
    curl_off_t length;

    MYL_UNUSED(one);
    self->header_bytes += len;
    if (self->header_bytes > MYL_LIMIT_NET_HEADER_BYTES) {
        self->too_large = true;
        return 0;
    }
    if (myl_str_starts(line, MYL_S("HTTP/")))
        self->reply_headers = MYL_LIST(self->call->cx, myl_net_header); /* not of a 1xx before it */
    else if (colon != SIZE_MAX && colon > 0)
        keep_header(self, line, colon);
    else if (curl_easy_getinfo(self->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length) ==
                 CURLE_OK &&
             length > (curl_off_t)self->limit) {
        self->too_large = true;
        return 0;
    }
    return len;
}

static curl_socket_t on_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
    transfer *self = arg;
    myl_address target;

    MYL_UNUSED(purpose);
    if (!self->call->trusted &&
        (!myl_address_of_socket(&address->addr, &target) || !myl_net_address_allowed(&target))) {
        self->refused = true;
        return CURL_SOCKET_BAD;
    }
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

static int on_watch(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket_arg)
{
    MYL_UNUSED(easy);
    MYL_UNUSED(arg);
    MYL_UNUSED(socket_arg);
    myl_net_watch(fd, NET_WATCH_CALL, what == CURL_POLL_IN || what == CURL_POLL_INOUT,
                  what == CURL_POLL_OUT || what == CURL_POLL_INOUT);
    return 0;
}

static int on_timer(CURLM *multi, long wait_ms, void *arg)
{
    MYL_UNUSED(multi);
    MYL_UNUSED(arg);
    calls.due_ms = wait_ms < 0 ? -1 : myl_net_real_ms() + wait_ms;
    return 0;
}

/* ---- the handle of a call ---- */

static bool add_header(transfer *self, myl_str name, myl_str value)
{
    myl_str line = myl_strf(self->call->cx, "%.*s: %.*s", MYL_FMT(name), MYL_FMT(value));
    struct curl_slist *more = curl_slist_append(self->headers, line.at);

    self->headers = more == NULL ? self->headers : more;
    return more != NULL;
}

static bool set_headers(transfer *self)
{
    const myl_net_call *call = self->call;
    bool has_host = false, good = true;

    for (size_t i = 0; i < call->header_count && self->redirects == 0; i++) {
        has_host = has_host || myl_str_equal(call->headers[i].name, MYL_S("Host"));
        good = good && add_header(self, call->headers[i].name, call->headers[i].value);
    }
    if (!has_host)
        good = good && add_header(self, MYL_S("Host"), self->url.authority);
    struct curl_slist *more = curl_slist_append(self->headers, "Expect:");
    self->headers = more == NULL ? self->headers : more;
    return good && curl_easy_setopt(self->easy, CURLOPT_HTTPHEADER, self->headers) == CURLE_OK;
}

static bool is_override(const transfer *self)
{
    return self->redirects == 0 && myl_str_present(self->call->connect_host);
}

static uint16_t port_of(const transfer *self)
{
    return myl_net_port(is_override(self) ? self->call->connect_port : self->url.port);
}

/* Where libcurl finds the addresses of the URL's name. */
static void set_addresses(transfer *self)
{
    myl_text text = MYL_TEXT(self->call->cx);
    char literal[INET6_ADDRSTRLEN];

    myl_text_addf(&text, "+%.*s:%u:", MYL_FMT(self->url.host), port_of(self));
    for (size_t i = 0; i < self->lookup.count; i++) {
        const uint8_t *bytes = self->lookup.addresses[i].bytes;
        myl_network mapped;
        MYL_ASSERT(myl_network_of(MYL_S("::ffff:0:0/96"), &mapped));
        bool four = myl_network_has(&mapped, &self->lookup.addresses[i]);
        inet_ntop(four ? AF_INET : AF_INET6, four ? bytes + 12 : bytes, literal, sizeof(literal));
        myl_text_addf(&text, four ? "%s%s" : "%s[%s]", i > 0 ? "," : "", literal);
    }
    self->names = curl_slist_append(NULL, myl_cstr(self->call->cx, myl_text_str(&text)));
    curl_easy_setopt(self->easy, CURLOPT_RESOLVE, self->names);
}

static void set_target(transfer *self)
{
    myl_ctx *cx = self->call->cx;
    const net_url *url = &self->url;
    bool six = url->literal && myl_str_find(url->host, ':', 0) != SIZE_MAX;
    myl_str text =
        myl_strf(cx, six ? "%s://[%.*s]:%u%.*s" : "%s://%.*s:%u%.*s", url->https ? "https" : "http",
                 MYL_FMT(url->host), port_of(self), MYL_FMT(url->target));

    curl_easy_setopt(self->easy, CURLOPT_URL, text.at);
    curl_easy_setopt(self->easy, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(self->easy, CURLOPT_PROTOCOLS_STR, url->https ? "https" : "http");
    curl_easy_setopt(self->easy, CURLOPT_PROXY, "");
    if (self->lookup.count > 0)
        set_addresses(self);
}

static void set_trust(CURL *easy)
{
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
    curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    curl_easy_setopt(easy, CURLOPT_CAPATH,
                     NULL); /* so that the authorities are read once, not each time */
    if (calls.trust_path[0] != '\0')
        curl_easy_setopt(easy, CURLOPT_CAINFO, calls.trust_path);
}

static void set_request(transfer *self)
{
    const myl_net_call *call = self->call;

    if (strcmp(call->method, "GET") != 0)
        curl_easy_setopt(self->easy, CURLOPT_CUSTOMREQUEST, call->method);
    if (myl_str_present(call->body)) {
        curl_easy_setopt(self->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->body.len);
        curl_easy_setopt(self->easy, CURLOPT_POSTFIELDS, call->body.at);
    }
    curl_easy_setopt(self->easy, CURLOPT_USERAGENT, "Myelin/" MYL_VERSION);
    curl_easy_setopt(self->easy, CURLOPT_HTTP_VERSION,
                     (long)(call->stream != NULL ? CURL_HTTP_VERSION_1_1 : CURL_HTTP_VERSION_2TLS));
    curl_easy_setopt(self->easy, CURLOPT_FRESH_CONNECT, call->stream != NULL ? 1L : 0L);
    curl_easy_setopt(self->easy, CURLOPT_FORBID_REUSE, call->stream != NULL ? 1L : 0L);
    curl_easy_setopt(self->easy, CURLOPT_PIPEWAIT, 1L);
}

static void set_callbacks(transfer *self)
{
    int64_t left_ms = self->deadline_ms - myl_net_real_ms();

    curl_easy_setopt(self->easy, CURLOPT_PRIVATE, self);
    curl_easy_setopt(self->easy, CURLOPT_ERRORBUFFER, self->words);
    curl_easy_setopt(self->easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(self->easy, CURLOPT_WRITEDATA, self);
    curl_easy_setopt(self->easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(self->easy, CURLOPT_HEADERDATA, self);
    curl_easy_setopt(self->easy, CURLOPT_OPENSOCKETFUNCTION, on_socket);
    curl_easy_setopt(self->easy, CURLOPT_OPENSOCKETDATA, self);
    curl_easy_setopt(self->easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(self->easy, CURLOPT_TIMEOUT_MS, (long)(left_ms > 1 ? left_ms : 1));
    curl_easy_setopt(self->easy, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
    curl_easy_setopt(self->easy, CURLOPT_DNS_CACHE_TIMEOUT, (long)NAME_S);
    curl_easy_setopt(self->easy, CURLOPT_MAXAGE_CONN, (long)KEPT_S);
    curl_easy_setopt(self->easy, CURLOPT_TCP_NODELAY, 1L);
}

static void launch(transfer *self)
{
    self->easy = calls.idle_count > 0 ? calls.idle[--calls.idle_count] : curl_easy_init();
    MYL_ASSERT(self->easy != NULL);
    self->reply_headers = MYL_LIST(self->call->cx, myl_net_header);
    self->len = 0;
    set_target(self);
    set_request(self);
    set_trust(self->easy);
    set_callbacks(self);
    if (!set_headers(self) || curl_multi_add_handle(calls.multi, self->easy) != CURLM_OK)
        fail(self, MYL_REMOTE_DOWN, "the call cannot begin");
}

/* ---- names ---- */

static void allowed_only(transfer *self)
{
    size_t kept = 0;

    for (size_t i = 0; i < self->lookup.count; i++) {
        if (self->call->trusted || myl_net_address_allowed(&self->lookup.addresses[i]))
            self->lookup.addresses[kept++] = self->lookup.addresses[i];
    }
    self->lookup.count = kept;
}

static void name_known(net_lookup *lookup)
{
    transfer *self = MYL_OF(lookup, transfer, lookup);

    if (lookup->rc != MYL_OK) {
        self->call->unreachable = true;
        fail(self, lookup->rc, lookup->failure);
        return;
    }
    allowed_only(self);
    if (lookup->count > 0) {
        launch(self);
        return;
    }
    self->call->unreachable = true;
    fail(self, MYL_REMOTE_DOWN, "the name leads to an inside address, which is refused");
}

static bool literal_is_refused(const transfer *self)
{
    myl_address address;

    return !self->call->trusted && self->url.literal && myl_address_of(self->url.host, &address) &&
           !myl_net_address_allowed(&address);
}

static void begin(transfer *self)
{
    if (!myl_net_url_read(self->url_text, &self->url) ||
        (!self->url.https && !self->call->allow_http)) {
        self->call->unreachable = true;
        fail(self, MYL_BAD_REQUEST, "no URL that may be called");
        return;
    }
    self->lookup.host = is_override(self) ? self->call->connect_host : self->url.host;
    self->lookup.done = name_known;
    self->lookup.count = 0;
    if (literal_is_refused(self)) {
        self->call->unreachable = true;
        fail(self, MYL_REMOTE_DOWN, "an inside address, which is refused");
    } else if (self->url.literal && !is_override(self)) {
        launch(self);
    } else {
        myl_net_lookup(&self->lookup);
    }
}

static void begin_posted(myl_net_post *post)
{
    myl_net_call *call = MYL_OF(post, myl_net_call, post);
    transfer *self = call->own;

    if (!myl_net_stopping())
        begin(self);
    else
        fail(self, MYL_STOPPING, "the server stops");
}

static void adopt(myl_net_call *call)
{
    transfer *self = myl_process_alloc(sizeof(*self));
    int64_t timeout_ms = call->timeout_ms > 0 ? call->timeout_ms : MYL_LIMIT_NET_CALL_MS;

    self->call = call;
    self->url_text = call->url;
    self->limit = call->reply_limit > 0 ? call->reply_limit : MYL_LIMIT_NET_REPLY_BYTES;
    self->deadline_ms = myl_net_real_ms() + timeout_ms;
    self->next = calls.first;
    if (self->next != NULL)
        self->next->before = self;
    calls.first = self;
    call->own = self;
    if (call->stream != NULL)
        call->stream->transfer = self;
    call->unreachable = false;
    call->status = 0;
    call->failure = MYL_ABSENT;
}

void myl_net_call_start(myl_net_call *call)
{
    adopt(call);
    call->post.run = begin_posted;
    if (myl_net_run(&call->post) != MYL_OK)
        begin_posted(&call->post);
}

/* ---- answers ---- */

/* A redirect that may be followed starts the transfer again. */
static bool follow(transfer *self)
{
    const char *url = NULL;

    if (self->call->status < 300 || self->call->status > 399 ||
        self->redirects >= self->call->redirects || strcmp(self->call->method, "GET") != 0 ||
        curl_easy_getinfo(self->easy, CURLINFO_REDIRECT_URL, &url) != CURLE_OK || url == NULL)
        return false;
    self->url_text = myl_keep(self->call->cx, myl_str_of(url));
    self->redirects++;
    free_handles(self);
    begin(self);
    return true;
}

static bool never_sent(CURLcode code)
{
    return code == CURLE_COULDNT_CONNECT || code == CURLE_COULDNT_RESOLVE_HOST ||
           code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CONNECT_ERROR ||
           code == CURLE_SSL_CACERT_BADFILE;
}

static void failed(transfer *self, CURLcode code)
{
    const char *words = self->words[0] != '\0' ? self->words : curl_easy_strerror(code);

    self->call->unreachable = never_sent(code);
    if (self->call->unreachable)
        myl_net_lookup_forget(self->lookup.host);
    if (self->too_large)
        fail(self, MYL_TOO_LARGE, "the answer is too large");
    else if (self->refused)
        fail(self, MYL_REMOTE_DOWN, "an inside address, which is refused");
    else
        fail(self, MYL_REMOTE_DOWN, words);
}

static void over(CURL *easy, CURLcode code)
{
    char *private_pointer = NULL;
    long status = 0;

    curl_easy_getinfo(easy, CURLINFO_PRIVATE, &private_pointer);
    transfer *self = (transfer *)(void *)private_pointer;
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    curl_multi_remove_handle(calls.multi, easy);
    self->call->status = (int)status;
    if (code != CURLE_OK)
        failed(self, code);
    else if (!follow(self))
        finish(self, MYL_OK);
}

static void collect(void)
{
    int left;

    for (;;) {
        const CURLMsg *message = curl_multi_info_read(calls.multi, &left);
        if (message == NULL)
            return;
        if (message->msg == CURLMSG_DONE)
            over(message->easy_handle, message->data.result);
    }
}

void myl_net_calls_ready(int fd, bool reads, bool writes)
{
    int running, what = (reads ? CURL_CSELECT_IN : 0) | (writes ? CURL_CSELECT_OUT : 0);

    curl_multi_socket_action(calls.multi, fd, what, &running);
    collect();
}

int64_t myl_net_calls_wait(void)
{
    if (calls.due_ms < 0)
        return -1;
    int64_t wait = calls.due_ms - myl_net_real_ms();
    return wait < 0 ? 0 : wait;
}

void myl_net_calls_due(void)
{
    int running;

    if (calls.due_ms >= 0 && calls.due_ms <= myl_net_real_ms()) {
        calls.due_ms = -1;
        curl_multi_socket_action(calls.multi, CURL_SOCKET_TIMEOUT, 0, &running);
    }
    collect();
}

myl_str myl_net_reply_header(const myl_net_call *call, const char *name)
{
    myl_str wanted = myl_str_of(name);

    for (size_t i = 0; i < call->reply_header_count; i++) {
        if (myl_str_equal(call->reply_headers[i].name, wanted))
            return call->reply_headers[i].value;
    }
    return MYL_ABSENT;
}

/* ---- waiting on other threads ---- */

static void start_posted(myl_net_post *post)
{
    myl_net_call *call = MYL_OF(post, myl_net_call, post);

    adopt(call);
    begin_posted(post);
}

static void give_back(myl_net_call *call)
{
    myl_queue_put(call->arg, &call->post.item);
}

void myl_net_call_wait(myl_net_call *const *all, size_t count)
{
    myl_queue *answers = myl_queue_start(0, NULL, NULL);
    size_t out = 0;

    for (size_t i = 0; i < count; i++) {
        all[i]->done = give_back;
        all[i]->arg = answers;
        all[i]->post.run = start_posted;
        myl_rc rc = myl_net_run(&all[i]->post); /* from here on the sender has it */
        if (rc != MYL_OK)
            all[i]->rc = rc;
        out += rc == MYL_OK;
    }
    while (out-- > 0)
        myl_queue_take(answers);
    myl_queue_end(answers);
}

/* ---- start and stop ---- */

static void close_multi(void)
{
    while (calls.idle_count > 0)
        curl_easy_cleanup(calls.idle[--calls.idle_count]);
    if (calls.multi != NULL)
        curl_multi_cleanup(calls.multi);
    calls.multi = NULL;
    if (calls.trust_fd >= 0)
        close(calls.trust_fd);
    curl_global_cleanup();
}

myl_rc myl_net_calls_open(myl_ctx *cx, const myl_net_setup *setup)
{
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return myl_fail(cx, MYL_BAD_CONFIG, "libcurl does not start");
    calls.multi = curl_multi_init();
    calls.due_ms = -1;
    MYL_ASSERT(calls.multi != NULL);
    curl_multi_setopt(calls.multi, CURLMOPT_SOCKETFUNCTION, on_watch);
    curl_multi_setopt(calls.multi, CURLMOPT_TIMERFUNCTION, on_timer);
    curl_multi_setopt(calls.multi, CURLMOPT_PIPELINING, (long)CURLPIPE_MULTIPLEX);
    curl_multi_setopt(calls.multi, CURLMOPT_MAX_CONCURRENT_STREAMS, (long)STREAMS);
    curl_multi_setopt(calls.multi, CURLMOPT_MAXCONNECTS, (long)MYL_LIMIT_NET_CONNECTIONS);
    curl_multi_setopt(calls.multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, (long)MYL_LIMIT_NET_CONNECTIONS);
    curl_multi_setopt(calls.multi, CURLMOPT_MAX_HOST_CONNECTIONS,
                      (long)MYL_LIMIT_NET_HOST_CONNECTIONS);
    myl_rc rc = myl_net_trust_open(cx, setup->ca_file, &calls.trust_fd, calls.trust_path);
    if (rc != MYL_OK)
        close_multi();
    return rc;
}

/* Those whose name is being looked up end with their look-up. */
static transfer *any_launched(void)
{
    transfer *self = calls.first;

    while (self != NULL && self->easy == NULL)
        self = self->next;
    return self;
}

void myl_net_transfer_leave(void *transfer_of_it)
{
    transfer *self = transfer_of_it;

    if (self->easy == NULL)
        return;
    curl_multi_remove_handle(calls.multi, self->easy);
    fail(self, MYL_REMOTE_DOWN, "the rest of the answer is not wanted");
}

void myl_net_calls_close(void)
{
    transfer *self;

    while ((self = any_launched()) != NULL) {
        curl_multi_remove_handle(calls.multi, self->easy);
        fail(self, MYL_STOPPING, "the server stops");
    }
    close_multi();
}
