/* search.c: the index of words, and look-ups in it.
 *
 * Why:     a message must be found by its words without reading a room; docs/decisions/040-search-index.md.
 * Callers: event.c stores, redact.c redacts; POST /search asks.
 * Threads: the engine for changes, the transaction's otherwise.
 * Holds:   the words of an event that is found are those of its present text: its own, or that of its newest edit.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <myelin/room_search.h>

#include <math.h>

#include <myelin/base_words.h>

#include "room/relation_own.h"

/* ---- words ---- */

/* One word as it is indexed; of Chinese and Japanese, each character is one. */
static size_t letter_length(myl_str word, size_t at)
{
    unsigned char byte = (unsigned char)word.at[at];

    return byte < 0x80 ? 1 : byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4;
}

/* U+3000 to U+9FFF: kana and the common ideographs. */
static bool is_run(myl_str word)
{
    unsigned char first = word.len > 0 ? (unsigned char)word.at[0] : 0;

    return first >= 0xe3 && first <= 0xe9;
}

static void add_word(myl_map *words, myl_str word)
{
    size_t at = 0;

    if (!is_run(word)) {
        *myl_map_slot(words, myl_str_slice(word, 0, MYL_LIMIT_SEARCH_WORD_BYTES)) = words;
        return;
    }
    while (at < word.len) {
        size_t len = letter_length(word, at);

        *myl_map_slot(words, myl_str_slice(word, at, len)) = words;
        at += len;
    }
}

static myl_map *words_of(myl_ctx *cx, myl_str text)
{
    myl_map *words = myl_map_start(cx, 16);
    const myl_str *cut;
    size_t count;

    if (text.len == 0)
        return words;
    count = myl_words_of(cx, text, MYL_LIMIT_SEARCH_WORDS, &cut);
    for (size_t i = 0; i < count; i++)
        add_word(words, cut[i]);
    return words;
}

/* ---- the text of an event ---- */

static myl_str plain_topic(const myl_json *content)
{
    const myl_json *texts =
        myl_json_array(myl_json_object(content, MYL_S("m.topic")), MYL_S("m.text"));

    for (uint32_t i = 0; texts != NULL && i < texts->count; i++) {
        myl_str kind = myl_json_text(&texts->items[i], MYL_S("mimetype"));

        if (!myl_str_present(kind) || myl_str_equal(kind, MYL_S("text/plain")))
            return myl_json_text(&texts->items[i], MYL_S("body"));
    }
    return MYL_ABSENT;
}

static myl_str text_in(myl_ctx *cx, myl_str type, const myl_json *content)
{
    myl_str topic, plain;

    if (myl_str_equal(type, MYL_S("m.room.message")))
        return myl_json_text(content, MYL_S("body"));
    if (myl_str_equal(type, MYL_S("m.room.name")))
        return myl_json_text(content, MYL_S("name"));
    if (!myl_str_equal(type, MYL_S("m.room.topic")))
        return MYL_ABSENT;
    topic = myl_json_text(content, MYL_S("topic"));
    plain = plain_topic(content);
    if (!myl_str_present(plain) || myl_str_equal(topic, plain))
        return topic;
    return myl_strf(cx, "%.*s\n%.*s", MYL_FMT(topic), MYL_FMT(plain));
}

/* The newest edit of a message but `without`; 0: none. */
static myl_rc newest_edit(myl_ctx *cx, const myl_stored *stored, uint64_t without, uint64_t *out)
{
    myl_key key = myl_relation_key(stored->room, stored->event_id);
    myl_scan *scan;
    myl_str found, row;

    *out = 0;
    myl_key_u64(&key, stored->sender);
    myl_key_u32(&key, stored->type);
    MYL_TRY(
        myl_scan_values(cx, MYL_TABLE_EDITS, myl_key_str(&key), MYL_ABSENT, MYL_BACKWARD, &scan));
    while (*out == 0) {
        uint64_t number;
        int64_t ts;

        MYL_TRY(myl_scan_next(scan, &found, &row));
        if (!myl_str_present(found))
            break;
        if (!myl_cut_i64(&row, &ts) || !myl_cut_u64(&row, &number))
            return myl_fail(cx, MYL_CORRUPT, "EDITS: a row cannot be read");
        *out = number != without ? number : 0;
    }
    myl_scan_end(scan);
    return MYL_OK;
}

/* What it says now, if `without` (0: nothing) had not been said. */
static myl_rc present_text(myl_ctx *cx, const myl_stored *stored, uint64_t without, myl_str *out)
{
    const myl_json *content;
    myl_stored edit;
    uint64_t number = 0;
    myl_str type;

    MYL_TRY(myl_store_text_of(cx, MYL_INTERN_TYPE, stored->type, &type));
    if ((stored->flags & MYL_EVENT_STATE) == 0)
        MYL_TRY(newest_edit(cx, stored, without, &number));
    if (number == 0) {
        MYL_TRY(myl_room_event_content(cx, stored, &content));
        *out = text_in(cx, type, content);
        return MYL_OK;
    }
    MYL_TRY(myl_room_event(cx, number, &edit));
    MYL_TRY(myl_room_event_content(cx, &edit, &content));
    *out = text_in(cx, type, myl_json_object(content, MYL_S("m.new_content")));
    return MYL_OK;
}

/* ---- rows ---- */

static myl_key word_key(uint64_t room, myl_str word)
{
    myl_key key = myl_key_of_u64(room);

    myl_key_hash(&key, word);
    return key;
}

/* From the words of one text to those of another: rows that stay are not touched. */
static myl_rc reword(myl_ctx *cx, const myl_stored *stored, myl_str from, myl_str to)
{
    myl_map *old = words_of(cx, from), *new = words_of(cx, to);
    myl_key row = myl_key_of_u64(stored->number), key;
    size_t at = 0;
    myl_str word;
    void *value;

    while (myl_map_next(old, &at, &word, &value)) {
        key = word_key(stored->room, word);
        if (!myl_map_has(new, word))
            MYL_TRY(
                myl_store_remove(cx, MYL_TABLE_SEARCH_WORDS, myl_key_str(&key), myl_key_str(&row)));
    }
    at = 0;
    while (myl_map_next(new, &at, &word, &value)) {
        key = word_key(stored->room, word);
        if (!myl_map_has(old, word))
            MYL_TRY(
                myl_store_add(cx, MYL_TABLE_SEARCH_WORDS, myl_key_str(&key), myl_key_str(&row)));
    }
    return MYL_OK;
}

static bool is_searched(const myl_stored *stored, const myl_event *event)
{
    const uint32_t out =
        MYL_EVENT_OUTLIER | MYL_EVENT_REJECTED | MYL_EVENT_SOFT_FAILED | MYL_EVENT_REDACTED;

    if ((stored->flags & out) != 0)
        return false;
    return myl_str_equal(event->type, MYL_S("m.room.message")) ||
           ((stored->flags & MYL_EVENT_STATE) != 0 &&
            (myl_str_equal(event->type, MYL_S("m.room.name")) ||
             myl_str_equal(event->type, MYL_S("m.room.topic"))));
}

/* What an edit edits; number 0: it is none, or that is not here to be found. */
static myl_rc edited(myl_ctx *cx, const myl_stored *stored, const myl_event *event,
                     myl_stored *parent, bool *is_edit)
{
    myl_relation relation = myl_relation_of(event->content);
    uint64_t number;

    parent->number = 0;
    *is_edit = (stored->flags & MYL_EVENT_STATE) == 0 &&
               myl_str_equal(relation.rel_type, MYL_S("m.replace")) &&
               myl_json_object(event->content, MYL_S("m.new_content")) != NULL;
    if (!*is_edit)
        return MYL_OK;
    MYL_TRY(myl_room_event_number(cx, relation.parent, &number));
    if (number == 0)
        return MYL_OK;
    MYL_TRY(myl_room_event(cx, number, parent));
    if (parent->room != stored->room || parent->sender != stored->sender ||
        parent->type != stored->type ||
        (parent->flags & (MYL_EVENT_OUTLIER | MYL_EVENT_REJECTED | MYL_EVENT_SOFT_FAILED |
                          MYL_EVENT_REDACTED | MYL_EVENT_STATE)) != 0)
        parent->number = 0;
    return MYL_OK;
}

/* An event comes (add) or goes: the words of what it changes. */
static myl_rc change_words(myl_ctx *cx, const myl_stored *stored, const myl_event *event, bool add)
{
    myl_str without, with;
    myl_stored parent;
    bool is_edit;

    if (!is_searched(stored, event))
        return MYL_OK;
    MYL_TRY(edited(cx, stored, event, &parent, &is_edit));
    if (!is_edit) {
        MYL_TRY(present_text(cx, stored, 0, &with));
        return reword(cx, stored, add ? MYL_ABSENT : with, add ? with : MYL_ABSENT);
    }
    if (parent.number == 0)
        return MYL_OK;
    MYL_TRY(present_text(cx, &parent, stored->number, &without));
    MYL_TRY(present_text(cx, &parent, 0, &with));
    return reword(cx, &parent, add ? without : with, add ? with : without);
}

myl_rc myl_room_search_add(myl_ctx *cx, const myl_stored *stored, const myl_event *event)
{
    return change_words(cx, stored, event, true);
}

myl_rc myl_room_search_remove(myl_ctx *cx, const myl_stored *stored, const myl_event *event)
{
    return change_words(cx, stored, event, false);
}

/* ---- looking ---- */

struct myl_search_term {
    const myl_str *cut; /* as ICU cuts it */
    size_t cut_count;
    myl_list runs;  /* myl_str: Chinese and Japanese, whole as they stand in the query */
    myl_str *words; /* as they are indexed */
    size_t count;
};

static bool is_within(myl_str text, myl_str part)
{
    for (size_t at = 0; at + part.len <= text.len; at++)
        if (memcmp(text.at + at, part.at, part.len) == 0)
            return true;
    return false;
}

/* A dictionary cuts a run into words; those that stand side by side are one run again. */
static void join_runs(myl_ctx *cx, myl_search_term *term, myl_str folded)
{
    bool goes_on = false;

    term->runs = MYL_LIST(cx, myl_str);
    for (size_t i = 0; i < term->cut_count; i++) {
        myl_str word = term->cut[i], joined;

        if (!is_run(word)) {
            goes_on = false;
            continue;
        }
        if (goes_on) {
            myl_str *last = myl_list_at(&term->runs, term->runs.count - 1);

            joined = myl_strf(cx, "%.*s%.*s", MYL_FMT(*last), MYL_FMT(word));
            goes_on = is_within(folded, joined);
            if (goes_on)
                *last = joined;
        }
        if (!goes_on)
            myl_list_push(&term->runs, myl_str, word);
        goes_on = true;
    }
}

const myl_search_term *myl_search_term_of(myl_ctx *cx, myl_str text)
{
    myl_search_term *term = myl_new(cx, myl_search_term);
    myl_map *words = myl_map_start(cx, 16);
    size_t at = 0;
    myl_str word;
    void *value;

    if (text.len > 0)
        term->cut_count = myl_words_of(cx, text, MYL_LIMIT_SEARCH_TERMS, &term->cut);
    join_runs(cx, term, text.len > 0 ? myl_words_fold(cx, text) : MYL_S(""));
    for (size_t i = 0; i < term->cut_count; i++)
        add_word(words, term->cut[i]);
    term->words = myl_new_array(cx, myl_str, myl_map_count(words) + 1);
    while (myl_map_next(words, &at, &word, &value))
        term->words[term->count++] = word;
    return term;
}

void myl_search_highlights(const myl_search_term *term, const myl_str **words, size_t *count)
{
    *words = term->cut;
    *count = term->cut_count;
}

/* In how many events each word is; the rarest leads. */
typedef struct {
    myl_ctx *cx;
    uint64_t room;
    const myl_search_term *term;
    uint64_t *counts;
    size_t rarest;
} looking;

static myl_rc count_words(looking *l)
{
    l->counts = myl_new_array(l->cx, uint64_t, l->term->count + 1);
    for (size_t i = 0; i < l->term->count; i++) {
        myl_key key = word_key(l->room, l->term->words[i]);

        MYL_TRY(myl_store_count(l->cx, MYL_TABLE_SEARCH_WORDS, myl_key_str(&key), &l->counts[i]));
        if (l->counts[i] < l->counts[l->rarest])
            l->rarest = i;
        if (l->counts[i] == 0)
            break;
    }
    return MYL_OK;
}

static myl_rc has_all(const looking *l, uint64_t number, bool *out)
{
    myl_key row = myl_key_of_u64(number);

    *out = true;
    for (size_t i = 0; i < l->term->count && *out; i++) {
        myl_key key = word_key(l->room, l->term->words[i]);

        if (i != l->rarest)
            MYL_TRY(myl_store_has(l->cx, MYL_TABLE_SEARCH_WORDS, myl_key_str(&key),
                                  myl_key_str(&row), out));
    }
    return MYL_OK;
}

static size_t times_in(myl_str text, myl_str word)
{
    size_t count = 0;

    for (size_t at = 0; word.len > 0 && at + word.len <= text.len;) {
        if (memcmp(text.at + at, word.at, word.len) == 0) {
            count++;
            at += word.len;
        } else {
            at++;
        }
    }
    return count;
}

/* *rank 0: a run of characters is not there as a run. */
static myl_rc judge(const looking *l, const myl_stored *stored, double *rank)
{
    myl_str text;

    *rank = 0;
    MYL_TRY(present_text(l->cx, stored, 0, &text));
    text = myl_words_fold(l->cx, text);
    for (size_t i = 0; i < l->term->runs.count; i++)
        if (!is_within(text, myl_list_get(&l->term->runs, myl_str, i)))
            return MYL_OK;
    for (size_t i = 0; i < l->term->count; i++) {
        double often = (double)times_in(text, l->term->words[i]);

        *rank += (often + 1) / (often + 2 + (double)text.len / 200) *
                 log(2 + 1000 / (1 + (double)l->counts[i]));
    }
    return MYL_OK;
}

static myl_rc take(const looking *l, uint64_t number, myl_list *hits)
{
    myl_search_hit hit = {.rank = 0};
    bool all;

    MYL_TRY(has_all(l, number, &all));
    if (!all)
        return MYL_OK;
    MYL_TRY(myl_room_event(l->cx, number, &hit.event));
    MYL_TRY(judge(l, &hit.event, &hit.rank));
    if (hit.rank > 0)
        myl_list_push(hits, myl_search_hit, hit);
    return MYL_OK;
}

myl_rc myl_room_search(myl_ctx *cx, uint64_t room, const myl_search_term *term, size_t *budget,
                       myl_list *hits)
{
    looking l = {.cx = cx, .room = room, .term = term};
    myl_scan *scan;
    myl_str found, row;
    myl_key key;

    if (term->count == 0)
        return MYL_OK;
    MYL_TRY(count_words(&l));
    key = word_key(room, term->words[l.rarest]);
    if (l.counts[l.rarest] == 0)
        return MYL_OK;
    MYL_TRY(myl_scan_values(cx, MYL_TABLE_SEARCH_WORDS, myl_key_str(&key), MYL_ABSENT, MYL_BACKWARD,
                            &scan));
    for (; *budget > 0; (*budget)--) {
        uint64_t number;

        MYL_TRY(myl_scan_next(scan, &found, &row));
        if (!myl_str_present(found))
            break;
        if (!myl_cut_u64(&row, &number))
            return myl_fail(cx, MYL_CORRUPT, "SEARCH_WORDS: a row cannot be read");
        MYL_TRY(take(&l, number, hits));
    }
    myl_scan_end(scan);
    return MYL_OK;
}

/* ---- `myelin check` ---- */

myl_rc myl_room_check_words(myl_ctx *cx, myl_check *check, const myl_stored *stored,
                            const myl_event *event)
{
    myl_key row = myl_key_of_u64(stored->number);
    myl_stored parent;
    size_t at = 0;
    myl_str text, word;
    myl_map *words;
    bool is_edit;
    void *value;

    if (!is_searched(stored, event))
        return MYL_OK;
    MYL_TRY(edited(cx, stored, event, &parent, &is_edit));
    if (is_edit)
        return MYL_OK;
    MYL_TRY(present_text(cx, stored, 0, &text));
    words = words_of(cx, text);
    while (myl_map_next(words, &at, &word, &value)) {
        myl_key key = word_key(stored->room, word);
        bool there;

        MYL_TRY(myl_store_has(cx, MYL_TABLE_SEARCH_WORDS, myl_key_str(&key), myl_key_str(&row),
                              &there));
        if (!there) {
            myl_check_wrong(check, "event %llu is not found by one of its words",
                            (unsigned long long)stored->number);
            return MYL_OK;
        }
    }
    return MYL_OK;
}
