/* lookup.c: addresses and service records of names, by c-ares on the sender thread.
 *
 * Why:     libcurl here would start a thread for each name.
 * Callers: call.c for addresses; fed/ for service records.
 * Threads: the sender.
 * Memory:  a look-up is its asker's; what is remembered is process memory, NET_NAMES at most.
 * Holds:   answers are kept as long as their records say, within bounds; that there is no such name, for seconds.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "net/net_own.h"

#include <ares.h>
#include <arpa/nameser.h>
#include <netdb.h>
#include <netinet/in.h>

#include <myelin/base_clock.h>
#include <myelin/base_list.h>
#include <myelin/base_table.h>

enum {
    TRY_MS = 2000, /* the first of a try; later ones wait longer */
    TRIES = 2,
    LEAST_MS = 5000,
    LONGEST_MS = 600000,
    NO_NAME_MS = 10000,
    SERVICES = 16, /* records that are looked at */
    NAME_BYTES = 256
};

typedef struct remembered {
    struct remembered *next; /* of the same hash */
    myl_str host;
    int64_t until_ms;
    myl_address addresses[NET_ADDRESSES];
    size_t count;
} remembered;

static struct {
    ares_channel channel;
    bool is_open;
    myl_table *names;
    uint64_t random;
    size_t under_way;
    myl_net_turn *first, *last; /* that wait */
    bool starting;              /* give_turns is at work further up */
} lookups;

/* ---- turns ---- */

/* One that ends at once comes back here from within: the outermost call starts them all. */
static void give_turns(void)
{
    if (lookups.starting)
        return;
    lookups.starting = true;
    while (lookups.first != NULL &&
           (lookups.under_way < MYL_LIMIT_NET_LOOKUPS || myl_net_stopping())) {
        myl_net_turn *turn = lookups.first;
        lookups.first = turn->next;
        lookups.under_way++;
        turn->start(turn);
    }
    lookups.starting = false;
}

static void take_turn(myl_net_turn *turn, void (*start)(myl_net_turn *turn))
{
    turn->next = NULL;
    turn->start = start;
    if (lookups.first == NULL)
        lookups.first = turn;
    else
        lookups.last->next = turn;
    lookups.last = turn;
    give_turns();
}

static void end_turn(void)
{
    lookups.under_way--;
    give_turns();
}

/* ---- what is remembered ---- */

static remembered *find(myl_str host)
{
    remembered *one = myl_table_get(lookups.names, myl_str_hash(host));

    while (one != NULL && !myl_str_equal(one->host, host))
        one = one->next;
    return one;
}

static void forget_all(void)
{
    size_t at = 0;
    uint64_t key;
    void *value;

    while (myl_table_next(lookups.names, &at, &key, &value)) {
        for (remembered *one = value, *next; one != NULL; one = next) {
            next = one->next;
            myl_process_free((void *)(uintptr_t)one->host.at);
            myl_process_free(one);
        }
    }
    myl_table_end(lookups.names);
    lookups.names = NULL;
}

static void remember(const net_lookup *lookup, int64_t lasts_ms)
{
    remembered *one = find(lookup->host);

    if (one == NULL) {
        if (myl_table_count(lookups.names) >= MYL_LIMIT_NET_NAMES) {
            forget_all();
            lookups.names = myl_table_start();
        }
        uint64_t hash = myl_str_hash(lookup->host);
        one = myl_process_alloc(sizeof(*one));
        one->host = myl_process_keep(lookup->host);
        one->next = myl_table_get(lookups.names, hash);
        myl_table_set(lookups.names, hash, one);
    }
    one->until_ms = myl_tick_ms() + lasts_ms;
    one->count = lookup->count;
    memcpy(one->addresses, lookup->addresses, sizeof(one->addresses));
}

void myl_net_lookup_forget(myl_str host)
{
    remembered *one = find(host);

    if (one != NULL)
        one->until_ms = 0;
}

static bool recall(net_lookup *lookup)
{
    const remembered *one = find(lookup->host);

    if (one == NULL || one->until_ms <= myl_tick_ms())
        return false;
    memcpy(lookup->addresses, one->addresses, sizeof(lookup->addresses));
    lookup->count = one->count;
    lookup->rc = one->count > 0 ? MYL_OK : MYL_REMOTE_DOWN;
    lookup->failure = "no such name";
    return true;
}

/* ---- addresses ---- */

static void take_addresses(net_lookup *lookup, const struct ares_addrinfo *info)
{
    int64_t lasts_ms = LONGEST_MS;

    for (const struct ares_addrinfo_node *node = info->nodes; node != NULL; node = node->ai_next) {
        if (lookup->count == NET_ADDRESSES ||
            !myl_address_of_socket(node->ai_addr, &lookup->addresses[lookup->count]))
            continue;
        lookup->count++;
        int64_t ttl_ms = (int64_t)node->ai_ttl * 1000;
        lasts_ms = ttl_ms < lasts_ms ? ttl_ms : lasts_ms;
    }
    remember(lookup, lasts_ms < LEAST_MS ? LEAST_MS : lasts_ms);
}

static void addresses_done(void *arg, int status, int timeouts, struct ares_addrinfo *info)
{
    net_lookup *lookup = arg;

    MYL_UNUSED(timeouts);
    lookup->rc = MYL_REMOTE_DOWN;
    lookup->failure = ares_strerror(status);
    if (status == ARES_SUCCESS && info != NULL)
        take_addresses(lookup, info);
    else if (status == ARES_ENOTFOUND || status == ARES_ENODATA)
        remember(lookup, NO_NAME_MS);
    if (lookup->count > 0)
        lookup->rc = MYL_OK;
    else if (status == ARES_EDESTRUCTION || status == ARES_ECANCELLED)
        lookup->rc = MYL_STOPPING;
    if (info != NULL)
        ares_freeaddrinfo(info);
    lookup->done(lookup);
    end_turn();
}

static void start_lookup(myl_net_turn *turn)
{
    struct ares_addrinfo_hints hints = {.ai_family = AF_UNSPEC,
                                        .ai_socktype = SOCK_STREAM,
                                        .ai_flags = ARES_AI_NOSORT};
    net_lookup *lookup = MYL_OF(turn, net_lookup, turn);
    char name[NAME_BYTES];

    if (myl_net_stopping()) {
        addresses_done(lookup, ARES_ECANCELLED, 0, NULL);
        return;
    }
    memcpy(name, lookup->host.at, lookup->host.len);
    name[lookup->host.len] = '\0';
    ares_getaddrinfo(lookups.channel, name, NULL, &hints, addresses_done, lookup);
}

void myl_net_lookup(net_lookup *lookup)
{
    lookup->count = 0;
    if (myl_net_stopping()) {
        lookup->rc = MYL_STOPPING;
        lookup->failure = "the server stops";
    } else if (lookup->host.len >= NAME_BYTES) {
        lookup->rc = MYL_REMOTE_DOWN;
        lookup->failure = "the name is too long";
    } else if (!recall(lookup)) {
        take_turn(&lookup->turn, start_lookup);
        return;
    }
    lookup->done(lookup);
}

/* ---- service records ---- */

static uint64_t next_random(void)
{
    uint64_t z = lookups.random += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

typedef struct {
    myl_net_target target;
    uint16_t priority;
    uint64_t lot; /* among equal priorities the least goes first */
} service_record;

static int compare_records(const void *a, const void *b)
{
    const service_record *one = a, *two = b;

    if (one->priority != two->priority)
        return one->priority < two->priority ? -1 : 1;
    return one->lot < two->lot ? -1 : one->lot > two->lot;
}

/* A lot that a greater weight makes smaller: the order is near to that of RFC 2782. */
static uint64_t draw(uint16_t weight)
{
    return (next_random() >> 16) / (weight + 1u);
}

static void take_services(myl_net_service *service, const struct ares_srv_reply *first)
{
    myl_list list = MYL_LIST(service->cx, service_record);
    myl_net_target *targets = myl_new_array(service->cx, myl_net_target, SERVICES);

    for (; first != NULL && list.count < SERVICES; first = first->next) {
        myl_str host = myl_str_of(first->host);
        if (host.len == 0 || host.len > 253 || first->port == 0)
            continue; /* "." says that there is no such service */
        service_record *one = myl_list_add(&list);
        one->target.host = myl_keep(service->cx, host);
        one->target.port = first->port;
        one->priority = first->priority;
        one->lot = draw(first->weight);
    }
    myl_list_sort(&list, compare_records);
    for (size_t i = 0; i < list.count; i++)
        targets[i] = ((service_record *)myl_list_at(&list, i))->target;
    service->targets = targets;
    service->count = list.count;
}

/* c-ares tells no time to live of such records: it stands in the answer behind the name, the type and the class. */
static int64_t least_ttl_ms(const unsigned char *answer, int len)
{
    const unsigned char *at = answer + 12, *end = answer + len;
    int64_t least = INT64_MAX;
    int records;
    long used;
    char *name;

    if (len < 12)
        return 0;
    records = answer[6] << 8 | answer[7];
    for (int i = answer[4] << 8 | answer[5]; i > 0; i--) {
        if (at >= end || ares_expand_name(at, answer, len, &name, &used) != ARES_SUCCESS)
            return 0;
        ares_free_string(name);
        at += used + 4;
    }
    for (; records > 0; records--) {
        if (at >= end || ares_expand_name(at, answer, len, &name, &used) != ARES_SUCCESS)
            return 0;
        ares_free_string(name);
        at += used;
        if (end - at < 10)
            return 0;
        int64_t ttl =
            (int64_t)((uint32_t)at[4] << 24 | (uint32_t)at[5] << 16 | (uint32_t)at[6] << 8 | at[7]);
        least = ttl < least ? ttl : least;
        at += 10 + (at[8] << 8 | at[9]);
    }
    return least == INT64_MAX ? 0 : least * 1000 + 1; /* none at all is not the same as unknown */
}

static void service_done(void *arg, int status, int timeouts, unsigned char *answer, int len)
{
    myl_net_service *service = arg;
    struct ares_srv_reply *first = NULL;

    MYL_UNUSED(timeouts);
    service->targets = NULL;
    service->count = 0;
    service->lasts_ms = 0;
    if (status == ARES_SUCCESS && ares_parse_srv_reply(answer, len, &first) == ARES_SUCCESS) {
        take_services(service, first);
        service->lasts_ms = least_ttl_ms(answer, len);
    }
    if (first != NULL)
        ares_free_data(first);
    service->done(service);
    end_turn();
}

static void start_service(myl_net_turn *turn)
{
    myl_net_service *service = MYL_OF(turn, myl_net_service, turn);

    if (myl_net_stopping())
        service_done(service, ARES_ECANCELLED, 0, NULL, 0);
    else
        ares_query(lookups.channel, service->name, ns_c_in, ns_t_srv, service_done, service);
}

void myl_net_service_start(myl_net_service *service)
{
    service->count = 0;
    take_turn(&service->turn, start_service);
}

/* ---- descriptors and time ---- */

static void watch_socket(void *arg, ares_socket_t fd, int reads, int writes)
{
    MYL_UNUSED(arg);
    myl_net_watch(fd, NET_WATCH_LOOKUP, reads != 0, writes != 0);
}

void myl_net_lookup_ready(int fd, bool reads, bool writes)
{
    ares_process_fd(lookups.channel, reads ? fd : ARES_SOCKET_BAD, writes ? fd : ARES_SOCKET_BAD);
}

int64_t myl_net_lookup_wait(void)
{
    struct timeval wait;

    if (ares_timeout(lookups.channel, NULL, &wait) == NULL)
        return -1;
    return (int64_t)wait.tv_sec * 1000 + wait.tv_usec / 1000 + 1;
}

void myl_net_lookup_due(void)
{
    ares_process_fd(lookups.channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
}

/* ---- start and stop ---- */

static myl_rc set_servers(myl_ctx *cx, const myl_net_setup *setup)
{
    myl_text list = MYL_TEXT(cx);

    if (setup->resolver_count == 0)
        return MYL_OK;
    for (size_t i = 0; i < setup->resolver_count; i++) {
        if (i > 0)
            myl_text_add_byte(&list, ',');
        myl_text_add(&list, setup->resolvers[i]);
    }
    if (ares_set_servers_ports_csv(lookups.channel, myl_cstr(cx, myl_text_str(&list))) !=
        ARES_SUCCESS)
        return myl_fail(cx, MYL_BAD_CONFIG, "federation.resolvers: expected addresses");
    return MYL_OK;
}

myl_rc myl_net_lookup_open(myl_ctx *cx, const myl_net_setup *setup)
{
    static char only_dns[] = "b", files_then_dns[] = "fb";
    struct ares_options options = {.flags = ARES_FLAG_NOSEARCH,
                                   .timeout = TRY_MS,
                                   .tries = TRIES,
                                   .lookups = setup->resolver_count > 0 ? only_dns : files_then_dns,
                                   .sock_state_cb = watch_socket};
    int wanted = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_LOOKUPS |
                 ARES_OPT_SOCK_STATE_CB;

    if (ares_library_init(ARES_LIB_INIT_ALL) != ARES_SUCCESS ||
        ares_init_options(&lookups.channel, &options, wanted) != ARES_SUCCESS)
        return myl_fail(cx, MYL_BAD_CONFIG, "names cannot be looked up: c-ares does not start");
    lookups.is_open = true;
    lookups.names = myl_table_start();
    lookups.random = (uint64_t)myl_tick_ns() ^ myl_str_hash(MYL_S("service"));
    myl_rc rc = set_servers(cx, setup);
    if (rc != MYL_OK)
        myl_net_lookup_close();
    return rc;
}

void myl_net_lookup_close(void)
{
    if (!lookups.is_open)
        return;
    ares_destroy(lookups.channel);
    give_turns();
    ares_library_cleanup();
    forget_all();
    lookups.is_open = false;
}
