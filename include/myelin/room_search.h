/* room_search.h: which events of a room hold these words.
 *
 * An index by room and word, kept in the change that stores, edits or redacts an event: body of m.room.message, name of
 * m.room.name, topic of m.room.topic. An edited message is found by its newest text alone, a redacted one not at all.
 * Words are cut and folded by ICU; Chinese and Japanese are indexed by character, and found as runs of these.
 * Spec: Client-Server API, Server Side Search. Inside cx->txn. Threads: as the transaction.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MYELIN_ROOM_SEARCH_H
#define MYELIN_ROOM_SEARCH_H

#include <myelin/base_list.h>
#include <myelin/room_state.h>

typedef struct myl_search_term myl_search_term;
/* The words of what somebody looks for, at most SEARCH_TERMS. Lives in the job. */
const myl_search_term *myl_search_term_of(myl_ctx *cx, myl_str text);
/* The words as they are looked for. */
void myl_search_highlights(const myl_search_term *term, const myl_str **words, size_t *count);

typedef struct {
    myl_stored event;
    double rank; /* the rarer the words and the shorter the text, the higher */
} myl_search_hit;
/* Adds the events of a room that hold all words, the newest first, to a list of myl_search_hit; looks at no more than
 * *budget of them, and lessens it. Who may see them is the caller's part. */
myl_rc myl_room_search(myl_ctx *cx, uint64_t room, const myl_search_term *term, size_t *budget,
                       myl_list *hits);

#endif
