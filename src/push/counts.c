/* counts.c: unread events of a room for one reader, counted from where they have read to.
 *
 * Why:     10,000 members who do not look cost nothing; one who looks pays for what is new to them.
 * Callers: sync/. Threads: read workers. One lock (PUSH_COUNTS) over the kept counters, held for a copy.
 * Memory:  kept counters are process memory; when there are COUNTS_KEPT, all go.
 * Holds:   a kept counter is good while the reader's rules, receipts and membership are those that it was made with.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <myelin/push_counts.h>

#include <pthread.h>

#include "push/push_own.h"

#include <myelin/base_list.h>
#include <myelin/base_table.h>
#include <myelin/room_relation.h>
#include <myelin/user_threads.h>

enum { MAIN = 0 };

typedef struct {
    uint64_t thread; /* number of its root; MAIN */
    uint32_t notifications, highlights;
} thread_count;

/* ---- kept counters ---- */

typedef struct {
    uint64_t user, room;
    uint64_t upto; /* counted up to here */
    uint64_t rules, receipts, since;
    size_t count;
    thread_count threads[];
} kept_counts;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static myl_table *kept;

static uint64_t key_of(uint64_t user, uint64_t room)
{
    return (user * 0x9E3779B97F4A7C15u) ^ room;
}

static void clear_kept(void)
{
    uint64_t key;
    size_t at = 0;
    void *value;

    while (kept != NULL && myl_table_next(kept, &at, &key, &value))
        myl_process_free(value);
    if (kept != NULL)
        myl_table_end(kept);
    kept = NULL;
}

void myl_push_counts_stop(void)
{
    pthread_mutex_lock(&lock);
    clear_kept();
    pthread_mutex_unlock(&lock);
    myl_push_opened_stop();
}

static size_t bytes_of(size_t threads)
{
    return sizeof(kept_counts) + threads * sizeof(thread_count);
}

/* ---- one counting ---- */

typedef struct {
    uint64_t thread;
    uint64_t position; /* read up to here */
} read_mark;

typedef struct {
    myl_ctx *cx;
    myl_push_reader *reader;
    const myl_room_head *head;
    const myl_member *member;
    uint64_t receipts; /* position of the newest receipt of the reader */
    uint64_t since;    /* all up to here is read, in every thread */
    myl_list marks;    /* read_mark of threads and the main timeline */
    myl_push_event asked;
    myl_list threads; /* thread_count */
} counting;

/* Changes when the rules, the ignored users or the followed threads do. */
static uint64_t rules_mark(const myl_push_reader *reader)
{
    uint64_t mark = reader->rules.position * 31 + reader->threads;

    for (size_t i = 0; i < reader->ignored.count; i++)
        mark = mark * 31 + reader->ignored.users[i];
    return mark;
}

static bool take_kept(counting *c, uint64_t *from)
{
    const kept_counts *one;
    bool good = false;

    pthread_mutex_lock(&lock);
    one = kept == NULL ? NULL : myl_table_get(kept, key_of(c->reader->caller->user, c->head->room));
    if (one != NULL && one->user == c->reader->caller->user && one->room == c->head->room &&
        one->rules == rules_mark(c->reader) && one->receipts == c->receipts &&
        one->since == c->since) {
        good = true;
        for (size_t i = 0; i < one->count; i++)
            myl_list_push(&c->threads, thread_count, one->threads[i]);
        *from = one->upto;
    }
    pthread_mutex_unlock(&lock);
    return good;
}

/* Its place in the table, of the right size. The lock is held. */
static kept_counts *place_for(uint64_t key, size_t threads)
{
    kept_counts *one;

    if (kept != NULL && myl_table_count(kept) >= MYL_LIMIT_COUNTS_KEPT)
        clear_kept();
    if (kept == NULL)
        kept = myl_table_start();
    one = myl_table_get(kept, key);
    if (one != NULL && one->count == threads)
        return one;
    myl_process_free(one);
    one = myl_process_alloc(bytes_of(threads));
    myl_table_set(kept, key, one);
    return one;
}

static void keep(const counting *c, uint64_t upto)
{
    uint64_t key = key_of(c->reader->caller->user, c->head->room);
    kept_counts *one;

    pthread_mutex_lock(&lock);
    one = place_for(key, c->threads.count);
    *one = (kept_counts){.user = c->reader->caller->user,
                         .room = c->head->room,
                         .upto = upto,
                         .rules = rules_mark(c->reader),
                         .receipts = c->receipts,
                         .since = c->since,
                         .count = c->threads.count};
    for (size_t i = 0; i < one->count; i++)
        one->threads[i] = myl_list_get(&c->threads, thread_count, i);
    pthread_mutex_unlock(&lock);
}

/* ---- what was read ---- */

static myl_rc position_of(counting *c, myl_str event_id, uint64_t *position)
{
    myl_stored stored;
    uint64_t number;

    *position = 0;
    MYL_TRY(myl_room_event_number(c->cx, event_id, &number));
    if (number == 0)
        return MYL_OK;
    MYL_TRY(myl_room_event(c->cx, number, &stored));
    *position = stored.room == c->head->room ? stored.position : 0;
    return MYL_OK;
}

static myl_rc add_mark(counting *c, const myl_receipt *receipt)
{
    read_mark mark = {MAIN, 0};

    if (receipt->position > c->receipts)
        c->receipts = receipt->position;
    MYL_TRY(position_of(c, receipt->event_id, &mark.position));
    if (!myl_str_present(receipt->thread_id)) {
        if (mark.position > c->since)
            c->since = mark.position;
        return MYL_OK;
    }
    if (!myl_str_equal(receipt->thread_id, MYL_S("main"))) {
        MYL_TRY(myl_room_event_number(c->cx, receipt->thread_id, &mark.thread));
        if (mark.thread == 0)
            return MYL_OK;
    }
    myl_list_push(&c->marks, read_mark, mark);
    return MYL_OK;
}

static myl_rc read_marks(counting *c)
{
    const myl_receipt *receipts;
    size_t count;

    c->since = c->member->position;
    c->marks = MYL_LIST(c->cx, read_mark);
    MYL_TRY(myl_room_receipts_of(c->cx, c->head->room, c->reader->caller->user, &receipts, &count));
    for (size_t i = 0; i < count; i++)
        MYL_TRY(add_mark(c, &receipts[i]));
    return MYL_OK;
}

static bool is_read(const counting *c, uint64_t thread, uint64_t position)
{
    for (size_t i = 0; i < c->marks.count; i++) {
        const read_mark *mark = myl_list_at(&c->marks, i);

        if (mark->thread == thread && position <= mark->position)
            return true;
    }
    return position <= c->since;
}

/* ---- an event ---- */

static myl_rc thread_of(counting *c, const myl_json *content, uint64_t *thread, myl_str *root)
{
    myl_thread_place place;

    MYL_TRY(myl_room_thread_of(c->cx, c->head->room, content, &place));
    *thread = place.thread;
    *root = place.root;
    return MYL_OK;
}

static void count_in(counting *c, uint64_t thread, const myl_push_verdict *verdict)
{
    thread_count *one;
    size_t i = 0;

    while (i < c->threads.count && myl_list_get(&c->threads, thread_count, i).thread != thread)
        i++;
    if (i == MYL_LIMIT_COUNT_THREADS)
        return;
    if (i == c->threads.count)
        myl_list_push(&c->threads, thread_count, (thread_count){.thread = thread});
    one = myl_list_at(&c->threads, i);
    one->notifications++;
    one->highlights += verdict->highlight;
}

/* The room as few rules ask about it; once a counting. */
static myl_rc look_at_room(counting *c)
{
    const myl_json *content;
    myl_push_room *room = myl_new(c->cx, myl_push_room);
    myl_power *power = myl_new(c->cx, myl_power);

    MYL_TRY(myl_room_power(c->cx, c->head, power));
    MYL_TRY(myl_room_state_content(c->cx, c->head->state, "m.room.member",
                                   c->reader->caller->user_id, &content));
    *room = (myl_push_room){.display_name = myl_json_text(content, MYL_S("displayname")),
                            .power = power};
    c->asked.room = room;
    return MYL_OK;
}

/* MSC4306: asked only where there are rules about it. */
static myl_rc look_at_thread(counting *c, myl_str root)
{
    myl_thread_subscription found;

    c->asked.thread = MYL_PUSH_NO_THREAD;
    if (!myl_str_present(root) || !myl_push_thread_rules())
        return MYL_OK;
    MYL_TRY(myl_user_thread(c->cx, c->reader->caller->user, c->head->room, root, &found));
    c->asked.thread = found.how == MYL_THREAD_NONE ? MYL_PUSH_NOT_FOLLOWED : MYL_PUSH_FOLLOWED;
    return MYL_OK;
}

typedef struct {
    uint64_t thread;
    bool read;
    myl_push_verdict verdict; /* of an unread one */
} judged;

static myl_rc judge_event(counting *c, myl_push_opened *opened, uint64_t position, judged *out)
{
    const myl_event *event = &opened->event;
    myl_str root;

    MYL_TRY(thread_of(c, event->content, &out->thread, &root));
    out->read = is_read(c, out->thread, position);
    if (out->read)
        return MYL_OK;
    MYL_TRY(look_at_thread(c, root));
    c->asked.event = event->json;
    c->asked.sender = event->sender;
    c->asked.memo = &opened->memo;
    out->verdict = myl_push_judge(c->cx, &c->reader->rules, &c->asked);
    return MYL_OK;
}

static myl_rc judge(counting *c, const myl_stored *stored, judged *out)
{
    myl_push_opened *opened;
    myl_rc rc;

    MYL_TRY(myl_push_open(c->cx, stored, &opened));
    rc = judge_event(c, opened, stored->position, out);
    myl_shared_drop(&opened->shared);
    return rc;
}

static myl_rc judge_and_forget(counting *c, const myl_stored *stored, judged *out)
{
    myl_mark mark = myl_ctx_mark(c->cx);
    myl_rc rc = judge(c, stored, out);

    myl_ctx_release(c->cx, mark);
    return rc;
}

static myl_rc count_event(counting *c, const myl_stored *stored)
{
    judged found = {.thread = MAIN};

    if (stored->sender == c->reader->caller->user || (stored->flags & MYL_EVENT_REDACTED) != 0 ||
        myl_ignores(&c->reader->ignored, stored->sender))
        return MYL_OK;
    MYL_TRY(judge_and_forget(c, stored, &found));
    if (!found.read && found.verdict.wants_room) {
        MYL_TRY(look_at_room(c));
        MYL_TRY(judge_and_forget(c, stored, &found));
    }
    if (!found.read && found.verdict.notify)
        count_in(c, found.thread, &found.verdict);
    return MYL_OK;
}

/* *redaction: one came; what it took away may have been counted before. */
static myl_rc count_range(counting *c, uint64_t after, uint64_t upto, bool *redaction)
{
    uint64_t type;
    myl_stored stored;
    myl_walk *walk;

    *redaction = false;
    MYL_TRY(myl_store_interned(c->cx, MYL_INTERN_TYPE, MYL_S("m.room.redaction"), &type));
    MYL_TRY(myl_walk_arrival(c->cx, c->head->room, &(myl_range){after, upto}, MYL_BACKWARD, &walk));
    for (size_t steps = 0; steps < MYL_LIMIT_COUNT_WALK; steps++) {
        MYL_TRY(myl_walk_next(walk, &stored));
        if (stored.number == 0)
            break;
        *redaction |= stored.type == type;
        MYL_TRY(count_event(c, &stored));
    }
    myl_walk_end(walk);
    return MYL_OK;
}

static myl_rc count_all(counting *c, uint64_t upto)
{
    uint64_t from = c->since;
    bool was_kept = take_kept(c, &from), redaction;

    if (was_kept && from >= upto)
        return MYL_OK;
    MYL_TRY(count_range(c, from, upto, &redaction));
    if (was_kept && redaction) {
        c->threads.count = 0;
        MYL_TRY(count_range(c, c->since, upto, &redaction));
    }
    keep(c, upto);
    return MYL_OK;
}

/* ---- the answer ---- */

static myl_rc give(const counting *c, myl_push_counts *out)
{
    myl_push_thread *threads = myl_new_array(c->cx, myl_push_thread, c->threads.count + 1);

    memset(out, 0, sizeof(*out));
    for (size_t i = 0; i < c->threads.count; i++) {
        const thread_count *one = myl_list_at(&c->threads, i);
        myl_stored root;

        out->all_notifications += one->notifications;
        out->all_highlights += one->highlights;
        if (one->thread == MAIN) {
            out->notifications = one->notifications;
            out->highlights = one->highlights;
            continue;
        }
        MYL_TRY(myl_room_event(c->cx, one->thread, &root));
        threads[out->thread_count++] =
            (myl_push_thread){root.event_id, one->notifications, one->highlights};
    }
    out->threads = threads;
    return MYL_OK;
}

myl_rc myl_push_reader_begin(myl_ctx *cx, myl_push_reader *reader)
{
    if (reader->begun)
        return MYL_OK;
    MYL_TRY(myl_push_rules_get(cx, reader->caller->user, reader->caller->user_id, &reader->rules));
    reader->begun = true;
    if (myl_push_thread_rules())
        MYL_TRY(myl_user_threads_position(cx, reader->caller->user, &reader->threads));
    if (reader->knows_ignored)
        return MYL_OK;
    return myl_user_ignored(cx, reader->caller->user, &reader->ignored);
}

static counting begin(myl_ctx *cx, myl_push_reader *reader, const myl_room_head *head)
{
    return (counting){.cx = cx,
                      .reader = reader,
                      .head = head,
                      .asked = {.room_id = head->room_id, .members = head->joined},
                      .threads = MYL_LIST(cx, thread_count)};
}

myl_rc myl_push_count(myl_ctx *cx, myl_push_reader *reader, const myl_room_head *head,
                      const myl_member *member, myl_push_counts *out)
{
    counting c = begin(cx, reader, head);

    c.member = member;
    memset(out, 0, sizeof(*out));
    MYL_TRY(myl_push_reader_begin(cx, reader));
    MYL_TRY(read_marks(&c));
    if (head->newest <= c.since)
        return MYL_OK;
    MYL_TRY(count_all(&c, head->newest));
    return give(&c, out);
}

myl_rc myl_push_judge_stored(myl_ctx *cx, myl_push_reader *reader, const myl_room_head *head,
                             const myl_stored *stored, myl_push_verdict *out)
{
    counting c = begin(cx, reader, head);
    uint64_t thread;
    myl_event event;
    myl_str root;

    MYL_TRY(myl_push_reader_begin(cx, reader));
    MYL_TRY(look_at_room(&c));
    MYL_TRY(myl_room_event_open(cx, stored, &event));
    MYL_TRY(thread_of(&c, event.content, &thread, &root));
    MYL_TRY(look_at_thread(&c, root));
    c.asked.event = event.json;
    c.asked.sender = event.sender;
    *out = myl_push_judge(cx, &reader->rules, &c.asked);
    return MYL_OK;
}

myl_rc myl_push_is_read(myl_ctx *cx, myl_push_reader *reader, const myl_member *member,
                        const myl_stored *stored, bool *out)
{
    myl_room_head head = {.room = member->room};
    counting c = begin(cx, reader, &head);
    const myl_json *content;
    uint64_t thread;
    myl_str root;

    c.member = member;
    MYL_TRY(read_marks(&c));
    MYL_TRY(myl_room_event_content(cx, stored, &content));
    MYL_TRY(thread_of(&c, content, &thread, &root));
    *out = is_read(&c, thread, stored->position);
    return MYL_OK;
}
