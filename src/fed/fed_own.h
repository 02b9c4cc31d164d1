/* fed_own.h: declarations that only the transport files of fed/ need.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef FED_OWN_H
#define FED_OWN_H

#include <myelin/base_clock.h>
#include <myelin/base_limit.h>
#include <myelin/base_list.h>
#include <myelin/base_log.h>
#include <myelin/base_table.h>
#include <myelin/fed_auth.h>
#include <myelin/json_writer.h>
#include <myelin/matrix_id.h>
#include <myelin/tasks_lane.h>

/* ---- server_name.c ---- */
typedef struct {
    myl_str host; /* without brackets */
    bool literal; /* an IP address */
    bool six;     /* of version 6 */
    bool has_port;
    uint16_t port;
} fed_name;
/* False when it breaks the grammar of server names. */
bool myl_fed_name_read(myl_str text, fed_name *out);

/* ---- well_known.c ---- */
typedef struct {
    myl_str server;   /* absent: none, or not valid */
    int64_t lasts_ms; /* how long the answer may be kept; for failures see discovery.c */
} fed_well_known;
typedef struct {
    int status;
    myl_str body, cache_control, expires;
} fed_well_known_answer;
void myl_fed_well_known_read(myl_ctx *cx, const fed_well_known_answer *answer, fed_well_known *out);

/* ---- discovery.c: on the sender thread ---- */
enum { FED_TARGETS = 4 };
typedef struct {
    myl_str host_header; /* these are the route's; shared by count */
    myl_str certificate; /* the name, or the address in brackets or not as URLs have it */
    myl_net_target targets[FED_TARGETS]; /* in the order in which to try */
    size_t target_count;
    bool is_fresh; /* found for this call, not remembered */
} fed_route;
typedef struct fed_wanted {
    struct fed_wanted *next;
    myl_str server; /* lives until done */
    void (*done)(struct fed_wanted *wanted);
    myl_ctx *cx; /* the route's texts are copied into it */
    fed_route route;
    myl_rc rc;
} fed_wanted;
/* done may run inside. */
void myl_fed_discover(fed_wanted *wanted);
void myl_fed_discovery_start(void);
void myl_fed_discovery_stop(void);

/* ---- header.c ---- */
typedef struct {
    myl_str content;     /* canonical JSON; absent: none */
    myl_str destination; /* absent: older servers leave it out */
    const char *method;
    myl_str origin, uri;
} fed_signed_parts;
/* The canonical JSON that a request's signature covers. */
myl_str myl_fed_signed_text(myl_ctx *cx, const fed_signed_parts *parts);

/* ---- keys.c ---- */
void myl_fed_keys_start(void);
void myl_fed_keys_stop(void);

/* ---- key_list.c: the answer of GET /_matrix/key/v2/server ---- */
typedef struct {
    myl_str key_id;
    myl_fed_key key;
} fed_listed_key;
typedef struct {
    myl_str server;
    int64_t listed_until_ms; /* as it says itself */
    int64_t valid_until_ms;  /* at most seven days from now */
    const fed_listed_key *keys;
    size_t count;
} fed_key_list;
/* Decodes it and checks that `server` signed it with one of its own keys; false otherwise. */
bool myl_fed_key_list_read(myl_ctx *cx, const myl_json *json, myl_str server, int64_t now_ms,
                           fed_key_list *out);
/* Keeps it in SERVER_KEYS, inside a change. */
myl_rc myl_fed_key_list_put(myl_ctx *cx, const fed_key_list *list, myl_str json);
/* The row of SERVER_KEY_LISTS that counts the others; hashes are longer. */
#define FED_KEY_LIST_COUNT MYL_S("count")
myl_rc myl_fed_key_list_count(myl_ctx *cx, uint64_t *out);
/* From SERVER_KEYS, in a transaction. */
myl_rc myl_fed_key_row(myl_ctx *cx, myl_str server, myl_str key_id, myl_fed_key *out, bool *found);
/* Into memory, after the commit (keys.c). */
void myl_fed_key_list_learn(const fed_key_list *list);

/* ---- key_fetch.c ---- */
typedef struct {
    myl_str server;
    myl_str key_id; /* absent: whatever it has */
    const myl_room_version *version;
    int64_t ts; /* when the key must be good */
} fed_key_want;
/* Asks the servers themselves, then the notaries for what is still wanted. Failures are no failures of the job. */
myl_rc myl_fed_keys_get(myl_ctx *cx, const fed_key_want *wants, size_t count);
/* Is a key that fits known? */
myl_rc myl_fed_key_want_met(myl_ctx *cx, const fed_key_want *want, bool *met);
void myl_fed_key_fetch_start(void);
void myl_fed_key_fetch_stop(void);

/* ---- verify.c ---- */
/* Do all signatures that it needs hold, by the keys that are known? */
bool myl_fed_event_holds(myl_ctx *cx, const myl_event *event);
/* Adds the keys (fed_key_want) that it names and that are not known, or not for its time. */
void myl_fed_event_wants(myl_ctx *cx, const myl_event *event, myl_list *unmet);
/* Leaves one want a key. */
void myl_fed_merge_wants(myl_ctx *cx, myl_list *wants);

/* ---- spaces.c ---- */
/* Forgets what other servers told of spaces. */
void myl_fed_spaces_stop(void);

#endif
