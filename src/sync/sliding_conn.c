/* sliding_conn.c: connections of sliding sync: what each has sent, kept in memory.
 *
 * Why:     an answer holds what is new to the connection; a lost one must be given again, so what it changes is kept
 *          apart until the client comes back with its position.
 * Callers: sliding.c. Threads: read workers. Two locks: SLIDING_TABLE for the table and the order of use, held for a few
 *          steps; one a connection (SLIDING_CONNECTION), held while its answer is made. The table's lock is never waited
 *          for while a connection's is held.
 * Memory:  process memory, bounded by SLIDING_CONNECTIONS and SLIDING_ROOMS, and for one device by SLIDING_DEVICE, so that
 *          nobody drives out the others': the least recently used go.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sync/sliding_own.h"

#include <pthread.h>

/* A connection in the table and in the order of use. */
typedef struct place {
    myl_sliding_connection connection; /* first member */
    pthread_mutex_t lock;
    uint64_t key, user, device;
    size_t holders; /* threads that have or want it */
    size_t cost;    /* rooms, as counted in the whole */
    bool dropped;   /* not in the table any more; the last holder frees it */
    uint64_t used;  /* larger: later */
    struct place *newer, *older;
    struct place *sibling; /* of the same device */
} place;

static pthread_mutex_t table_lock = PTHREAD_MUTEX_INITIALIZER;
static myl_table *table;
static myl_table *devices; /* hash of user and device -> first of its siblings */
static place *newest, *oldest;
static size_t whole_cost;
static uint64_t next_number = 1, next_use = 1;

/* ---- what one keeps ---- */

static void end_table(myl_table *sent, bool owns)
{
    uint64_t key;
    size_t at = 0;
    void *value;

    if (sent == NULL)
        return;
    while (owns && myl_table_next(sent, &at, &key, &value))
        myl_process_free(value);
    myl_table_end(sent);
}

static void end_answers(myl_sliding_connection *c)
{
    end_table(c->sent, true);
    end_table(c->members, false);
    myl_process_free(c->pending);
    myl_process_free(c->pending_members);
    c->sent = NULL;
    c->members = NULL;
    c->pending = NULL;
    c->pending_members = NULL;
    c->pending_count = c->pending_member_count = 0;
    for (size_t i = 0; i < c->config_count; i++)
        myl_process_free((void *)(uintptr_t)c->configs[i].at);
    myl_process_free(c->configs);
    c->configs = NULL;
    c->config_count = 0;
}

void myl_sliding_begin(myl_sliding_connection *c)
{
    end_answers(c);
    myl_process_free(c->rooms);
    c->rooms = NULL;
    c->room_count = c->room_room = 0;
    c->ended_count = 0;
    c->sent = myl_table_start();
    c->members = myl_table_start();
    c->acknowledged = c->given = 0;
    memset(&c->before, 0, sizeof(c->before));
    memset(&c->after, 0, sizeof(c->after));
}

static void end_place(place *one)
{
    end_answers(&one->connection);
    myl_process_free(one->connection.rooms);
    pthread_mutex_destroy(&one->lock);
    myl_process_free(one);
}

/* ---- the table, under its lock ---- */

static void unlink_place(place *one)
{
    *(one->newer != NULL ? &one->newer->older : &newest) = one->older;
    *(one->older != NULL ? &one->older->newer : &oldest) = one->newer;
    one->newer = one->older = NULL;
}

static void link_newest(place *one)
{
    one->used = next_use++;
    one->older = newest;
    *(newest != NULL ? &newest->newer : &oldest) = one;
    newest = one;
}

static uint64_t device_key(uint64_t user, uint64_t device)
{
    uint64_t both[2] = {user, device};

    return myl_str_hash((myl_str){(const char *)both, sizeof(both)});
}

static void leave_siblings(const place *one)
{
    uint64_t key = device_key(one->user, one->device);
    place *first = myl_table_get(devices, key);

    if (first == one) {
        myl_table_set(devices, key, one->sibling);
        return;
    }
    while (first->sibling != one)
        first = first->sibling;
    first->sibling = one->sibling;
}

static void drop(place *one)
{
    leave_siblings(one);
    myl_table_set(table, one->key, NULL);
    unlink_place(one);
    whole_cost -= one->cost;
    one->dropped = true;
    if (one->holders == 0)
        end_place(one);
}

static void drop_oldest(void)
{
    place *one = oldest;

    while (one != NULL && (myl_table_count(table) > MYL_LIMIT_SLIDING_CONNECTIONS ||
                           whole_cost > MYL_LIMIT_SLIDING_ROOMS)) {
        place *next = one->newer;

        if (one->holders == 0)
            drop(one);
        one = next;
    }
}

/* A device that begins many connections ends its own, the least recently used first. */
static void make_room_for(uint64_t key)
{
    size_t count = 0;
    place *least = NULL;

    for (place *one = myl_table_get(devices, key); one != NULL; one = one->sibling, count++)
        if (one->holders == 0 && (least == NULL || one->used < least->used))
            least = one;
    if (count >= MYL_LIMIT_SLIDING_DEVICE && least != NULL)
        drop(least);
}

static void join_siblings(place *one)
{
    uint64_t key = device_key(one->user, one->device);

    make_room_for(key);
    one->sibling = myl_table_get(devices, key);
    myl_table_set(devices, key, one);
}

static uint64_t key_of(const sliding_name *name)
{
    char bytes[16 + MYL_LIMIT_SLIDING_NAME];
    size_t len =
        name->conn_id.len < MYL_LIMIT_SLIDING_NAME ? name->conn_id.len : MYL_LIMIT_SLIDING_NAME;

    memcpy(bytes, &name->user, 8);
    memcpy(bytes + 8, &name->device, 8);
    if (len > 0)
        memcpy(bytes + 16, name->conn_id.at, len);
    return myl_str_hash((myl_str){bytes, 16 + len});
}

static place *place_of(const sliding_name *name)
{
    uint64_t key = key_of(name);
    place *one;

    if (table == NULL) {
        table = myl_table_start();
        devices = myl_table_start();
    }
    one = myl_table_get(table, key);
    if (one != NULL) {
        unlink_place(one);
    } else {
        one = myl_process_alloc(sizeof(*one));
        pthread_mutex_init(&one->lock, NULL);
        one->key = key;
        one->user = name->user;
        one->device = name->device;
        one->connection.number = next_number++;
        myl_sliding_begin(&one->connection);
        myl_table_set(table, key, one);
        join_siblings(one);
    }
    link_newest(one);
    one->holders++;
    return one;
}

myl_sliding_connection *myl_sliding_take(const sliding_name *name)
{
    place *one;

    pthread_mutex_lock(&table_lock);
    one = place_of(name);
    pthread_mutex_unlock(&table_lock);
    pthread_mutex_lock(&one->lock);
    return &one->connection;
}

void myl_sliding_give_back(myl_sliding_connection *connection)
{
    place *one = (place *)connection;
    size_t cost =
        1 + connection->room_count + connection->pending_count + myl_table_count(connection->sent);

    pthread_mutex_unlock(&one->lock);
    pthread_mutex_lock(&table_lock);
    one->holders--;
    if (one->dropped) {
        if (one->holders == 0)
            end_place(one);
    } else {
        whole_cost += cost - one->cost;
        one->cost = cost;
        drop_oldest();
    }
    pthread_mutex_unlock(&table_lock);
}

typedef struct {
    uint64_t user, device;
} gone_device;

static void forget(void *arg)
{
    const gone_device *gone = arg;
    place *one = NULL, *next;

    pthread_mutex_lock(&table_lock);
    if (devices != NULL)
        one = myl_table_get(devices, device_key(gone->user, gone->device));
    for (; one != NULL; one = next) {
        next = one->sibling;
        if (one->user == gone->user && one->device == gone->device)
            drop(one);
    }
    pthread_mutex_unlock(&table_lock);
}

myl_rc myl_sliding_device_deleted(myl_ctx *cx, uint64_t user, uint64_t device)
{
    gone_device *gone = myl_new(cx, gone_device);

    *gone = (gone_device){user, device};
    myl_engine_after_commit(cx, forget, gone);
    return MYL_OK;
}

void myl_sliding_stop(void)
{
    pthread_mutex_lock(&table_lock);
    while (newest != NULL)
        drop(newest);
    if (table != NULL) {
        myl_table_end(table);
        myl_table_end(devices);
    }
    table = devices = NULL;
    pthread_mutex_unlock(&table_lock);
}

/* ---- answers ---- */

const sliding_sent *myl_sliding_sent_of(const myl_sliding_connection *connection, uint64_t room)
{
    return myl_table_get(connection->sent, room);
}

void myl_sliding_set_pending(myl_sliding_connection *c, const myl_list *sent,
                             const myl_list *members)
{
    myl_process_free(c->pending);
    myl_process_free(c->pending_members);
    c->pending = myl_process_alloc(sent->count * sizeof(sliding_sent) + 1);
    c->pending_members = myl_process_alloc(members->count * sizeof(uint64_t) + 1);
    c->pending_count = sent->count;
    c->pending_member_count = members->count;
    if (sent->count > 0)
        memcpy(c->pending, sent->at, sent->count * sizeof(sliding_sent));
    if (members->count > 0)
        memcpy(c->pending_members, members->at, members->count * sizeof(uint64_t));
}

void myl_sliding_acknowledge(myl_sliding_connection *c)
{
    for (size_t i = 0; i < c->pending_count; i++) {
        sliding_sent *known = myl_table_get(c->sent, c->pending[i].room);

        if (known == NULL) {
            known = myl_process_alloc(sizeof(*known));
            myl_table_set(c->sent, c->pending[i].room, known);
        }
        *known = c->pending[i];
    }
    for (size_t i = 0; i < c->pending_member_count; i++) {
        if (myl_table_count(c->members) >= MYL_LIMIT_SLIDING_MEMBERS) {
            myl_table_end(c->members);
            c->members = myl_table_start();
        }
        myl_table_set(c->members, c->pending_members[i], c);
    }
    c->pending_count = c->pending_member_count = 0;
    c->acknowledged = c->given;
    c->before = c->after;
}

uint16_t myl_sliding_config_number(myl_sliding_connection *c, myl_str bytes)
{
    for (size_t i = 0; i < c->config_count; i++)
        if (myl_str_equal(c->configs[i], bytes))
            return (uint16_t)i;
    if (c->config_count >= MYL_LIMIT_SLIDING_CONFIGS)
        return UINT16_MAX;
    c->configs = myl_process_grow(c->configs, c->config_count * sizeof(myl_str),
                                  (c->config_count + 1) * sizeof(myl_str));
    c->configs[c->config_count] = myl_process_keep(bytes);
    return (uint16_t)c->config_count++;
}
