/* rooms_own.h: declarations that only the files of fed/ about rooms need.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef FED_ROOMS_OWN_H
#define FED_ROOMS_OWN_H

#include <myelin/base_clock.h>
#include <myelin/base_limit.h>
#include <myelin/base_list.h>
#include <myelin/base_log.h>
#include <myelin/base_table.h>
#include <myelin/fed_joins.h>
#include <myelin/fed_keys.h>
#include <myelin/fed_rooms.h>
#include <myelin/matrix_id.h>
#include <myelin/room_serve.h>
#include <myelin/tasks_lane.h>

/* ---- joins.c: joins under way, and the notes of them ---- */
typedef struct fed_joining fed_joining;
fed_joining *myl_fed_joining_begin(const myl_fed_visit *visit, bool resumed);
void myl_fed_joining_end(fed_joining *joining);
/* Another server is asked: the counts begin anew. */
void myl_fed_joining_at(fed_joining *joining, myl_str server);
void myl_fed_joining_stage(fed_joining *joining, myl_joining_stage stage);
/* More has come; more is stored. joining NULL: nothing is shown. */
void myl_fed_joining_received(fed_joining *joining, size_t bytes, size_t events);
void myl_fed_joining_stored(fed_joining *joining, size_t events);
/* Notes that the server which is asked is about to be told of the join: a restart goes on with it until it is forgotten. */
myl_rc myl_fed_join_note(myl_ctx *cx, const myl_fed_visit *visit, fed_joining *joining);
/* Inside a change. */
myl_rc myl_fed_join_forget(myl_ctx *cx, const myl_fed_visit *visit);
/* Forgets a note that this very join has made. */
void myl_fed_join_failed(const myl_fed_visit *visit, const fed_joining *joining);
myl_rc myl_fed_check_joins(myl_ctx *cx, myl_check *check);
/* join.c: myl_fed_join, shown by this entry; the note stays when it fails. */
myl_rc myl_fed_join_run(myl_ctx *cx, const myl_fed_visit *visit, fed_joining *joining);

/* ---- cut.c: pieces of a JSON text that is too large to be parsed as a whole ---- */
/* The value of a member of the object that `json` is; absent when there is none or the text is broken before it. */
myl_str myl_fed_cut_member(myl_str json, myl_str key);
/* The items of an array, as texts (myl_str). False when it is none. Each must be parsed to be believed. */
bool myl_fed_cut_items(myl_str json, myl_list *out);

/* ---- batch.c: many PDUs at once ---- */
/* A PDU of which only the references are kept; its text is parsed again when it is stored. */
typedef struct {
    myl_str text; /* or, of one that is in a spool, its place: */
    uint64_t at;
    uint32_t len;
    bool known, bad; /* gather.c's */
    myl_str id;
    const myl_str *auth, *prev;
    size_t auth_count, prev_count;
    int64_t depth;
    bool create; /* the create event */
} fed_pdu;
/* Reads texts (myl_str) into fed_pdu; what is no event of this version and room is left out. */
void myl_fed_read_pdus(myl_ctx *cx, const myl_room_version *version, const myl_list *texts,
                       myl_str room_id, myl_list *out);
/* Puts those that others stand on before them: by auth events, or by prev events. */
void myl_fed_sort_pdus(myl_ctx *cx, myl_list *pdus, bool by_prev);

typedef struct {
    myl_str room_id;
    const myl_room_version *version;
    myl_str create;       /* id of the create event; absent: the room's */
    fed_joining *joining; /* whose progress it is; NULL: nobody's */
} fed_room;
/* Checks the signatures and stores what is good as outliers, in their order, in changes of bounded size. With a spool: the texts are
 * in it, and their signatures have been checked. */
typedef struct fed_spool fed_spool;
myl_rc myl_fed_store_outliers(myl_ctx *cx, const fed_room *room, const myl_list *pdus,
                              const fed_spool *spool);

/* ---- spool.c: texts in a file without a name ---- */
struct fed_spool {
    int fd;
    char *buffer; /* NULL: not open */
    size_t held;  /* in the buffer */
    uint64_t written;
};
myl_rc myl_fed_spool_open(myl_ctx *cx, fed_spool *spool);
void myl_fed_spool_close(fed_spool *spool);
myl_rc myl_fed_spool_add(myl_ctx *cx, fed_spool *spool, myl_str text, uint64_t *at);
/* Before anything is read. */
myl_rc myl_fed_spool_flush(myl_ctx *cx, fed_spool *spool);
myl_rc myl_fed_spool_get(myl_ctx *cx, const fed_spool *spool, const fed_pdu *pdu, myl_str *out);

/* ---- lists.c: the items of arrays in an answer that comes in pieces ---- */
enum { FED_LISTS_MOST = 2, FED_LISTS_OBJECT = FED_LISTS_MOST, FED_LISTS_NONE };
typedef struct {
    const char
        *arrays[FED_LISTS_MOST]; /* members of the answer whose items are wanted; NULL: none */
    const char *object;          /* a member that is wanted as a whole; NULL: none */
    /* which: the array, or FED_LISTS_OBJECT. The text dies behind the call; it must be parsed to be believed. */
    void (*take)(void *arg, int which, myl_str text);
    void *arg;
    /* lists.c's */
    int mode, which;
    bool in_array, in_string, escaped, plain, too_long;
    size_t depth;
    char key[32];
    size_t key_len;
    char *carry; /* process memory */
    size_t carry_len, carry_room;
} fed_lists;
/* The first four fields are set. */
void myl_fed_lists_start(fed_lists *lists);
void myl_fed_lists_end(fed_lists *lists);
/* False: the answer is no such object. Items longer than PDU_TEXT_BYTES are passed over. */
bool myl_fed_lists_take(fed_lists *lists, myl_str bytes);
/* Has the object ended? */
bool myl_fed_lists_are_whole(const fed_lists *lists);

/* ---- gather.c: the events of an answer, checked while it comes ---- */
typedef struct {
    myl_ctx *cx;
    const fed_room *room;
    fed_lists lists; /* arrays and object are set before the start */
    fed_spool spool;
    myl_list pdus;  /* fed_pdu: what is to be stored: all that is good and not here */
    myl_list state; /* myl_str: ids of what the first array held */
    myl_str create; /* the create event in it; absent: none */
    myl_str object; /* absent: none */
    /* gather.c's */
    myl_map *ids;
    myl_list waiting; /* size_t: places of those whose keys are not known */
    myl_queue *back;
    struct fed_batch *filling;
    size_t out; /* batches */
    size_t cut; /* events that are not yet counted in what is shown */
    struct fed_errand *under_way, *next;
    bool over; /* all has come, and all keys that can be had are here */
    myl_rc rc;
} fed_gather;
void myl_fed_gather_start(myl_ctx *cx, fed_gather *g, const fed_room *room);
/* Always, behind a start. The list and the texts of ids stay with the job, the spool goes. */
void myl_fed_gather_end(fed_gather *g);
/* Asks, and takes a 200 in. Again (the older endpoint) only when the answer was another. */
myl_rc myl_fed_gather_call(fed_gather *g, const myl_fed_request *request, myl_fed_reply *reply);
/* Waits for what is under way. */
myl_rc myl_fed_gather_finish(fed_gather *g);

/* ---- call helpers (asking.c) ---- */
/* Calls and checks; the server's own words in the failure. */
myl_rc myl_fed_ask(myl_ctx *cx, const myl_fed_request *request, myl_fed_reply *reply);
/* Is the endpoint one that the server, an older one, does not know? */
bool myl_fed_is_unknown(const myl_fed_reply *reply);
/* When what could not be had from others is to be tried again, by the wall clock: half a minute from now, then twice as long each
 * time, an hour at most. */
int64_t myl_fed_next_try(uint32_t tries);
/* Copies of ids, in the job. */
const myl_str *myl_fed_keep_ids(myl_ctx *cx, const myl_str *ids, size_t count);
/* As myl_fed_reply_check, but what the server says of a refusal (400, a blocked invite) goes on to the client in its own code. Not
 * `whole`: M_MISSING_PARAM and M_INVALID_PARAM do not, for then it is we who asked badly. */
myl_rc myl_fed_pass_on(myl_ctx *cx, const myl_fed_request *request, const myl_fed_reply *reply,
                       bool whole);
/* Runs `body` as a change, or on a snapshot, of the server's store. */
typedef myl_rc (*fed_body)(myl_ctx *cx, void *arg);
myl_rc myl_fed_change(myl_ctx *cx, const char *name, fed_body body, void *arg);
myl_rc myl_fed_read(myl_ctx *cx, fed_body body, void *arg);

/* After a change of a job with cx->ahead that answered rc: for MYL_UNRESOLVED resolves on a snapshot, and MYL_OK says that the
 * change is to run again. Any other rc comes back. */
myl_rc myl_fed_ahead(myl_ctx *cx, myl_rc rc);

/* How much a change that admits many events takes of the engine's time, and of what one change may make, before the changes
 * of other rooms have their turn. */
typedef struct {
    int64_t end; /* ns */
} fed_share;
fed_share myl_fed_share_start(void);
bool myl_fed_share_is_over(const myl_ctx *cx, const fed_share *share);

/* ---- template.c ---- */
typedef struct {
    const myl_fed_visit *visit;
    const char *make; /* "make_join" */
    myl_membership membership;
    const myl_room_version *version; /* out */
    myl_incoming event;              /* out: signed by us */
    myl_str authoriser;              /* out: of a restricted join; absent: none */
} fed_making;
/* Asks one server for a template and makes the event. */
myl_rc myl_fed_make(myl_ctx *cx, myl_str server, fed_making *making);

/* ---- state.c: the state before an event, as another server tells it ---- */
typedef struct {
    const myl_str *ids;
    size_t count;
} fed_state;
/* Asks for the ids and for the events that are not here, which become outliers. */
myl_rc myl_fed_fetch_state(myl_ctx *cx, const fed_room *room, myl_str server, myl_str event_id,
                           fed_state *out);
/* The texts (myl_str) of single events, as one server gives them; what it has not is left out. Returns how many questions it
 * answered, if only by a refusal. */
size_t myl_fed_fetch_texts(myl_ctx *cx, myl_str server, const myl_str *ids, size_t count,
                           myl_list *texts);
/* The auth chain of an event. */
myl_rc myl_fed_fetch_auth(myl_ctx *cx, const fed_room *room, myl_str server, myl_str event_id);

/* ---- inbox.c ---- */
myl_rc myl_fed_check_inbox(myl_ctx *cx, myl_check *check);

/* ---- turns.c: one at a time does long work in a room ---- */
/* Waits until nobody has the room's turn. */
void myl_fed_turn_take(myl_str room_id);
void myl_fed_turn_give(myl_str room_id);

/* ---- missing.c ---- */
/* An event that came and stands on what is not here: fetches that and admits it. */
typedef struct {
    fed_room room;
    myl_str origin;
    myl_str text; /* the PDU */
} fed_waiting;
/* *again: it is not in, for a server that could have helped was not to be reached. */
myl_rc myl_fed_bring_in(myl_ctx *cx, const fed_waiting *waiting, bool *again);

#endif
