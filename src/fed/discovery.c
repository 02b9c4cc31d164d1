/* discovery.c: from a server name to where and how it is reached.
 *
 * Spec:    Server-Server API, Resolving server names; the numbers in comments are its steps.
 * Callers: call.c, for each request.
 * Threads: the sender.
 * Memory:  what was found is process memory, FED_ROUTES names at most. Each search has a job of its own.
 * Holds:   one search a name at a time: who asks meanwhile waits for its end.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "fed/fed_own.h"

enum {
    PORT = 8448,
    WELL_KNOWN_MS = 10000,
    REDIRECTS = 10,
    KEPT_MS = 300000, /* a way of which no record says how long it lasts */
    SHORTEST_MS = 5000,
    LONGEST_MS = 86400000,
    FAILED_FIRST_MS =
        60000, /* a .well-known that failed is asked again after that, then twice that, … */
    FAILED_LONGEST_MS = 3600000
};

typedef struct known {
    struct known *next; /* of the same hash */
    myl_str server;
    /* .well-known of the server's host */
    myl_str delegated; /* absent: none */
    int64_t delegated_until_ms;
    unsigned failures; /* of .well-known, in a row */
    /* the way, once found */
    myl_ctx memory; /* of its texts */
    fed_route route;
    int64_t route_until_ms; /* 0: none */
    /* the search under way */
    bool is_searched;
    fed_wanted *waiting;
    myl_ctx cx;
    fed_name name; /* the server's, then the delegated one */
    myl_str host_header;
    myl_net_call call;
    myl_net_service services[2]; /* _matrix-fed, and the deprecated _matrix */
    unsigned services_out;
} known;

static myl_table *servers;

static void search_name(known *self);

/* ---- what is known ---- */

static void free_known(known *self)
{
    myl_ctx_end(&self->memory);
    myl_process_free((void *)(uintptr_t)self->server.at);
    myl_process_free((void *)(uintptr_t)self->delegated.at);
    myl_process_free(self);
}

/* Keeps those that are searched. */
static void forget_idle(void)
{
    myl_table *kept = myl_table_start();
    size_t at = 0;
    uint64_t key;
    void *value;

    while (myl_table_next(servers, &at, &key, &value)) {
        for (known *one = value, *next; one != NULL; one = next) {
            next = one->next;
            if (!one->is_searched) {
                free_known(one);
                continue;
            }
            one->next = myl_table_get(kept, key);
            myl_table_set(kept, key, one);
        }
    }
    myl_table_end(servers);
    servers = kept;
}

static known *find(myl_str server)
{
    known *one = myl_table_get(servers, myl_str_hash(server));

    while (one != NULL && !myl_str_equal(one->server, server))
        one = one->next;
    return one;
}

static known *find_or_make(myl_str server)
{
    known *one = find(server);

    if (one != NULL)
        return one;
    if (myl_table_count(servers) >= MYL_LIMIT_FED_ROUTES)
        forget_idle();
    uint64_t hash = myl_str_hash(server);
    one = myl_process_alloc(sizeof(*one));
    one->server = myl_process_keep(server);
    one->next = myl_table_get(servers, hash);
    myl_ctx_begin(&one->memory);
    myl_table_set(servers, hash, one);
    return one;
}

/* ---- the end of a search ---- */

static void give(known *self, fed_wanted *wanted, bool is_fresh)
{
    fed_route *route = &wanted->route;

    *route = self->route;
    route->is_fresh = is_fresh;
    route->host_header = myl_keep(wanted->cx, route->host_header);
    route->certificate = myl_keep(wanted->cx, route->certificate);
    for (size_t i = 0; i < route->target_count; i++)
        route->targets[i].host = myl_keep(wanted->cx, route->targets[i].host);
    wanted->rc = MYL_OK;
    wanted->done(wanted);
}

/* As long as the service records last; 0: there are none. */
static int64_t kept_ms(int64_t lasts_ms)
{
    if (lasts_ms <= 0)
        return KEPT_MS;
    if (lasts_ms < SHORTEST_MS)
        return SHORTEST_MS;
    return lasts_ms < LONGEST_MS ? lasts_ms : LONGEST_MS;
}

static void found(known *self, const myl_net_target *targets, size_t count, int64_t lasts_ms)
{
    fed_wanted *waiting = self->waiting;
    fed_route *route = &self->route;

    myl_ctx_reset(&self->memory);
    *route = (fed_route){.host_header = myl_keep(&self->memory, self->host_header),
                         .certificate = self->name.six ? myl_strf(&self->memory, "[%.*s]",
                                                                  MYL_FMT(self->name.host))
                                                       : myl_keep(&self->memory, self->name.host)};
    for (; route->target_count < count && route->target_count < FED_TARGETS;
         route->target_count++) {
        route->targets[route->target_count].host =
            myl_keep(&self->memory, targets[route->target_count].host);
        route->targets[route->target_count].port = targets[route->target_count].port;
    }
    self->route_until_ms = myl_tick_ms() + kept_ms(lasts_ms);
    self->is_searched = false;
    self->waiting = NULL;
    myl_ctx_end(&self->cx);
    while (waiting != NULL) {
        fed_wanted *one = waiting;
        waiting = one->next;
        give(self, one, true);
    }
}

static void found_one(known *self, uint16_t port)
{
    myl_net_target target = {self->name.host, port};

    found(self, &target, 1, 0);
}

/* ---- service records: steps 3.3 to 3.5, 4 to 6 ---- */

static void service_known(myl_net_service *service)
{
    known *self = service->arg;

    if (--self->services_out > 0)
        return;
    for (size_t i = 0; i < 2; i++) {
        if (self->services[i].count > 0) {
            found(self, self->services[i].targets, self->services[i].count,
                  self->services[i].lasts_ms);
            return;
        }
    }
    found_one(self, PORT);
}

/* Both are asked at once: the second one counts when the first has none. */
static void ask_services(known *self)
{
    static const char *const prefixes[] = {"_matrix-fed._tcp.", "_matrix._tcp."};

    self->services_out = 2;
    for (size_t i = 0; i < 2; i++) {
        myl_str name = myl_strf(&self->cx, "%s%.*s", prefixes[i], MYL_FMT(self->name.host));
        self->services[i] =
            (myl_net_service){.name = name.at, .cx = &self->cx, .done = service_known, .arg = self};
    }
    myl_net_service_start(&self->services[0]);
    myl_net_service_start(&self->services[1]);
}

/* ---- .well-known: step 3 ---- */

static void set_delegated(known *self, myl_str server, int64_t lasts_ms)
{
    myl_process_free((void *)(uintptr_t)self->delegated.at);
    self->delegated = myl_str_present(server) ? myl_process_keep(server) : MYL_ABSENT;
    self->delegated_until_ms = myl_tick_ms() + lasts_ms;
}

static int64_t failure_ms(unsigned failures)
{
    unsigned doublings = failures > 7 ? 6 : failures - 1;
    int64_t ms = (int64_t)FAILED_FIRST_MS << doublings;

    return ms > FAILED_LONGEST_MS ? FAILED_LONGEST_MS : ms;
}

static void well_known_answered(myl_net_call *call)
{
    known *self = call->arg;
    fed_well_known_answer answer = {.status = call->rc == MYL_OK ? call->status : 0,
                                    .body = call->reply,
                                    .cache_control = myl_net_reply_header(call, "cache-control"),
                                    .expires = myl_net_reply_header(call, "expires")};
    fed_well_known read;

    if (call->rc == MYL_OK)
        myl_fed_well_known_read(&self->cx, &answer, &read);
    else
        read.server = MYL_ABSENT;
    self->failures = myl_str_present(read.server) ? 0 : self->failures + 1;
    set_delegated(self, read.server,
                  myl_str_present(read.server) ? read.lasts_ms : failure_ms(self->failures));
    search_name(self);
}

static void ask_well_known(known *self)
{
    self->call = (myl_net_call){
        .cx = &self->cx,
        .method = "GET",
        .url =
            myl_strf(&self->cx, "https://%.*s/.well-known/matrix/server", MYL_FMT(self->name.host)),
        .timeout_ms = WELL_KNOWN_MS,
        .reply_limit = MYL_LIMIT_FED_WELL_KNOWN_BYTES,
        .redirects = REDIRECTS,
        .done = well_known_answered,
        .arg = self,
    };
    myl_net_call_start(&self->call);
}

/* ---- the steps ---- */

/* Of the server's own name, or of the one that it delegates to. */
static void search_host(known *self)
{
    if (self->name.literal) /* 1, 3.1 */
        found_one(self, self->name.has_port ? self->name.port : PORT);
    else if (self->name.has_port) /* 2, 3.2 */
        found_one(self, self->name.port);
    else
        ask_services(self);
}

static void search_name(known *self)
{
    bool reads = myl_fed_name_read(self->server, &self->name);

    MYL_ASSERT(reads); /* checked before the search began */
    self->host_header = self->server;
    bool may_delegate = !self->name.literal && !self->name.has_port;
    if (may_delegate && self->delegated_until_ms <= myl_tick_ms()) {
        ask_well_known(self);
        return;
    }
    if (may_delegate && myl_str_present(self->delegated) &&
        myl_fed_name_read(self->delegated, &self->name))
        self->host_header = self->delegated;
    search_host(self);
}

void myl_fed_discover(fed_wanted *wanted)
{
    fed_name name;

    if (!myl_fed_name_read(wanted->server, &name)) {
        wanted->rc = MYL_INVALID_PARAM;
        wanted->done(wanted);
        return;
    }
    known *self = find_or_make(wanted->server);
    bool is_current = self->delegated_until_ms > myl_tick_ms() || name.literal || name.has_port;
    if (!self->is_searched && self->route_until_ms > myl_tick_ms() && is_current) {
        give(self, wanted, false);
        return;
    }
    wanted->next = self->waiting;
    self->waiting = wanted;
    if (self->is_searched)
        return;
    self->is_searched = true;
    myl_ctx_begin(&self->cx);
    search_name(self);
}

typedef struct {
    myl_net_post post;
    myl_str server;
} forget_post;

static void free_forget(forget_post *self)
{
    myl_process_free((void *)(uintptr_t)self->server.at);
    myl_process_free(self);
}

static void forget_route(myl_net_post *post)
{
    forget_post *self = MYL_OF(post, forget_post, post);
    known *one = servers == NULL ? NULL : find(self->server);

    if (one != NULL)
        one->route_until_ms = 0;
    free_forget(self);
}

void myl_fed_forget_route(myl_str server_name)
{
    forget_post *self = myl_process_alloc(sizeof(*self));

    self->server = myl_process_keep(server_name);
    self->post.run = forget_route;
    if (myl_net_is_sender())
        forget_route(&self->post);
    else if (myl_net_run(&self->post) != MYL_OK)
        free_forget(self);
}

void myl_fed_discovery_start(void)
{
    servers = myl_table_start();
}

void myl_fed_discovery_stop(void)
{
    forget_idle();
    MYL_ASSERT(myl_table_count(servers) == 0);
    myl_table_end(servers);
    servers = NULL;
}
