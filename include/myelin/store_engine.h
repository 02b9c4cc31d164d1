/* store_engine.h: runs every change, one after another, many to a commit.
 *
 * Why: LMDB has one writer and a commit costs a disk sync; changes queue here and share both. A change happens
 * wholly or leaves no trace, and its neighbours are not harmed (an undo list at the boundary).
 * A reply leaves only after the commit that holds its change. Positions: every stored change that a client may
 * see takes the next 64-bit position inside the transaction.
 * Threads: submit from any thread; run, after_commit, done and the listener run on the engine thread and never block.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MYELIN_STORE_ENGINE_H
#define MYELIN_STORE_ENGINE_H

#include <stdatomic.h>

#include <myelin/base_queue.h>
#include <myelin/rules_tree.h>
#include <myelin/store_kv.h>

typedef struct myl_engine myl_engine;
typedef struct myl_change myl_change;

/* One change. Memory is the submitter's job, which waits until done. */
struct myl_change {
    myl_queue_item item;               /* the engine's */
    const char *name;                  /* for logs and metrics */
    myl_ctx *cx;                       /* the job; the engine sets cx->txn around run */
    myl_rc (*run)(myl_change *change); /* any answer but MYL_OK undoes what it wrote */
    void (*done)(myl_change *change,
                 myl_rc rc); /* after the commit, or after the refusal's batch */
    const atomic_bool *gone; /* NULL, or: true means the asker left; dropped with MYL_GONE */
    myl_rc rc;               /* the engine's */
    void *waiter;            /* the engine's: who waits in myl_engine_run */
};

/* What a batch tells the ones who wait. */
typedef enum {
    MYL_NOTE_ROOM,
    MYL_NOTE_DEVICES, /* of a room: whose devices its members may know, or these devices, are others now */
    MYL_NOTE_USER,
    MYL_NOTE_MEMBERSHIP, /* of a user of ours: other rooms are theirs; there is a note of the user too */
    MYL_NOTE_DESTINATION
} myl_note_kind;
typedef struct {
    myl_note_kind kind;
    uint64_t id; /* interned room or name */
} myl_note;
typedef struct {
    uint64_t position;     /* newest position of the commit */
    const myl_note *notes; /* without duplicates */
    size_t count;
} myl_batch;

/* Starts the thread. `committed` may be NULL; called once a commit, before the changes' done. */
myl_rc myl_engine_start(myl_ctx *cx, myl_store *store,
                        void (*committed)(void *arg, const myl_batch *batch), void *arg,
                        myl_engine **out);
/* MYL_BUSY when ENGINE_QUEUE changes wait, MYL_STOPPING after stop began. */
myl_rc myl_engine_submit(myl_engine *engine, myl_change *change);
/* Submits and waits: for tests, commands and lanes; never on a loop or the engine. */
myl_rc myl_engine_run(myl_engine *engine, myl_change *change);
/* Finishes what is queued, commits, joins the thread. */
void myl_engine_stop(myl_engine *engine);

/* ---- inside a change ---- */
/* The next position; the change is then visible to clients under it. */
uint64_t myl_engine_next_position(myl_ctx *cx);
/* Counts one event made by this change: MYL_TOO_LARGE past CHANGE_EVENTS, and the change is undone. */
myl_rc myl_engine_count_event(myl_ctx *cx);
/* Is half of what one change may make made? Then the rest of a long work is for another change. */
bool myl_engine_is_half_full(const myl_ctx *cx);
/* In a change: from now on the store answers `code` once the thread has worked for `ms` more; 0 ends the watch. The change is
 * expected to give up then. Elsewhere without effect. */
void myl_engine_watch(myl_ctx *cx, int64_t ms, myl_rc code);
/* Tell the waiters after the commit. Dropped when the change is undone. */
void myl_engine_note(myl_ctx *cx, myl_note_kind kind, uint64_t id);
/* Run fn(arg) on the engine thread after the commit: the only place where caches change. arg lives in the job.
 * Dropped when the change is undone or the commit fails. */
void myl_engine_after_commit(myl_ctx *cx, void (*fn)(void *arg), void *arg);
bool myl_engine_is_writing(const myl_ctx *cx); /* in a change? */
/* After an old copy was put back: a later epoch, this one at least, by which tokens of a former one are known; and positions
 * go on past this one. */
myl_rc myl_engine_raise_epoch(myl_ctx *cx, uint64_t least_epoch, uint64_t past_position);

/* ---- in any transaction ---- */
/* The newest position of this snapshot (in a change: given out so far). */
myl_rc myl_store_position(myl_ctx *cx, uint64_t *out);
/* Rises with each restore of an old copy; part of every token. */
myl_rc myl_store_epoch(myl_ctx *cx, uint64_t *out);
/* Is this its epoch, or one from which a restore made it? What was true of a position then is true of it now, for no position
 * is given out twice. Other epochs are those of copies that went another way. */
myl_rc myl_store_came_from(myl_ctx *cx, uint64_t epoch, bool *out);

/* Interned strings. Ids begin at 1, 0 means "none". TYPE ids fit 32 bits. */
typedef enum {
    MYL_INTERN_ROOM,
    MYL_INTERN_TYPE,
    MYL_INTERN_NAME,  /* user ids and state keys */
    MYL_INTERN_SERVER /* names of servers */
} myl_intern;
/* The id, made when new (only in a change). */
myl_rc myl_store_intern(myl_ctx *cx, myl_intern kind, myl_str text, uint64_t *id);
/* The id, or 0 when the text was never seen. */
myl_rc myl_store_interned(myl_ctx *cx, myl_intern kind, myl_str text, uint64_t *id);
/* The text; MYL_CORRUPT when there is no such id. Kept in the job. */
myl_rc myl_store_text_of(myl_ctx *cx, myl_intern kind, uint64_t id, myl_str *text);

/* The state tree's nodes in this transaction (append only in a change). Lives in the job. */
const myl_tree_nodes *myl_store_nodes(myl_ctx *cx);

/* In a snapshot: nodes may be appended too. They live in the job and go with the snapshot; their numbers are above all stored
 * ones. */
void myl_snapshot_scratch(myl_ctx *cx);

/* In a change that deletes the newest node: numbering goes on after it all the same. */
myl_rc myl_store_keep_node_number(myl_ctx *cx);

/* ---- the record of batches: continuous backup, replicas, tests ---- */
/* Called on the engine thread before each commit with the batch's bytes; NULL ends. The first batch begins with the
 * rows of META. What it returns other than MYL_OK fails the commit. Waits for the engine: not from its thread.
 * `myl_store_replay` puts such a batch onto another store (one without an engine) and gives the same rows. */
void myl_engine_record(myl_engine *engine, myl_rc (*each)(void *arg, myl_str batch), void *arg);
myl_rc myl_store_replay(myl_ctx *cx, myl_store *store, myl_str batch);

#endif
