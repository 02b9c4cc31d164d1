/* pages.c: a room's state and its auth chain as an answer, in pieces.
 *
 * Why:     the state of a large room is tens of megabytes; a page is made when the one before it has gone.
 * Threads: read workers, each page in a snapshot of its own. Events never change but by redaction, so pages agree.
 * Spec:    Server-Server API, Joining Rooms; Retrieving events.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "api/server/server_own.h"

#include <stdlib.h>

enum { HEROES = 5 };

/* ---- what is told ---- */

static myl_rc without_members(myl_ctx *cx, myl_list *numbers)
{
    uint64_t *at = numbers->at, type;
    size_t kept = 0, heroes = 0;
    myl_membership membership;

    MYL_TRY(myl_store_interned(cx, MYL_INTERN_TYPE, MYL_S("m.room.member"), &type));
    for (size_t i = 0; i < numbers->count; i++) {
        myl_stored stored;

        MYL_TRY(myl_room_event(cx, at[i], &stored));
        if (stored.type != type) {
            at[kept++] = at[i];
            continue;
        }
        /* a few of who is there stay, for the room's name */
        if (heroes == HEROES)
            continue;
        MYL_TRY(myl_room_membership_of(cx, at[i], &membership));
        if (membership != MYL_MEMBER_JOIN && membership != MYL_MEMBER_INVITE)
            continue;
        at[kept++] = at[i];
        heroes++;
    }
    numbers->count = kept;
    return MYL_OK;
}

static myl_rc find_state(myl_ctx *cx, myl_state_pages *pages)
{
    const uint64_t *numbers;
    size_t count;

    pages->state = MYL_LIST(cx, uint64_t);
    if (pages->chain_only)
        return MYL_OK;
    MYL_TRY(myl_room_state_all(cx, pages->root, &numbers, &count));
    for (size_t i = 0; i < count; i++)
        myl_list_push(&pages->state, uint64_t, numbers[i]);
    return pages->omit_members ? without_members(cx, &pages->state) : MYL_OK;
}

static int compare_numbers(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

/* Who asks for a part of the state gets each event once (spec: send_join, omit_members). */
static void without_state(myl_state_pages *pages)
{
    uint64_t *at = pages->chain.at;
    size_t kept = 0;

    for (size_t i = 0; i < pages->chain.count; i++)
        if (pages->state.count == 0 || bsearch(&at[i], pages->state.at, pages->state.count,
                                               sizeof(at[i]), compare_numbers) == NULL)
            at[kept++] = at[i];
    pages->chain.count = kept;
}

static myl_rc prepare(myl_ctx *cx, myl_state_pages *pages)
{
    myl_list sources = MYL_LIST(cx, uint64_t);
    myl_stored stored;

    MYL_TRY(find_state(cx, pages));
    for (size_t i = 0; i < pages->state.count; i++)
        myl_list_push(&sources, uint64_t, myl_list_get(&pages->state, uint64_t, i));
    pages->chain = MYL_LIST(cx, uint64_t);
    if (pages->event != 0) {
        myl_list own = MYL_LIST(cx, uint64_t);

        MYL_TRY(myl_room_event(cx, pages->event, &stored));
        MYL_TRY(myl_room_auth_of(cx, &stored, &own));
        for (size_t i = 0; i < own.count; i++) {
            myl_list_push(&sources, uint64_t, myl_list_get(&own, uint64_t, i));
            myl_list_push(&pages->chain, uint64_t, myl_list_get(&own, uint64_t, i));
        }
    }
    MYL_TRY(myl_room_auth_chain(cx, sources.at, sources.count, &pages->chain));
    if (pages->omit_members)
        without_state(pages);
    pages->ready = true;
    return MYL_OK;
}

/* The chain is ascending; the event's own auth events, which begin it, may come twice. */
static bool is_double(const myl_state_pages *pages)
{
    return pages->section == 0 && pages->at > 0 &&
           myl_list_get(&pages->chain, uint64_t, pages->at) ==
               myl_list_get(&pages->chain, uint64_t, pages->at - 1);
}

/* ---- writing ---- */

static myl_rc write_event(myl_ctx *cx, const myl_state_pages *pages, uint64_t number, myl_text *out)
{
    myl_stored stored;
    myl_str json;

    MYL_TRY(myl_room_event(cx, number, &stored));
    if (pages->ids) {
        myl_json_write_str(out, stored.event_id);
        return MYL_OK;
    }
    MYL_TRY(myl_room_pdu(cx, &stored, &json));
    myl_text_add(out, json);
    return MYL_OK;
}

static void open_section(const myl_state_pages *pages, myl_text *out)
{
    if (pages->section == 0)
        myl_text_add(out, pages->before);
    myl_text_addf(out, "%s\"%s\":[", pages->section == 0 ? "" : ",",
                  pages->section == 0 ? pages->chain_key : pages->state_key);
}

static myl_rc write_section(myl_ctx *cx, myl_state_pages *pages, myl_text *out, bool *full)
{
    const myl_list *numbers = pages->section == 0 ? &pages->chain : &pages->state;

    if (pages->at == 0)
        open_section(pages, out);
    for (; pages->at < numbers->count; pages->at++) {
        myl_mark mark = myl_ctx_mark(cx);

        *full = out->len >= MYL_PAGE_BYTES;
        if (*full)
            return MYL_OK;
        if (is_double(pages))
            continue;
        if (pages->at > 0)
            myl_text_add_byte(out, ',');
        MYL_TRY(write_event(cx, pages, myl_list_get(numbers, uint64_t, pages->at), out));
        myl_ctx_release(cx, mark);
    }
    myl_text_add_byte(out, ']');
    return MYL_OK;
}

static myl_rc next_page(myl_req *req, void *state, myl_text *out, bool *last)
{
    myl_state_pages *pages = state;
    bool full = false;

    if (!pages->ready)
        MYL_TRY(prepare(&req->cx, pages));
    for (; pages->section < (pages->chain_only ? 1 : 2); pages->section++) {
        MYL_TRY(write_section(&req->cx, pages, out, &full));
        if (full)
            return MYL_OK;
        pages->at = 0;
    }
    myl_text_add(out, pages->after);
    *last = true;
    return MYL_OK;
}

myl_rc myl_server_reply_state(myl_req *req, const myl_state_pages *pages)
{
    myl_state_pages *kept = myl_new(&req->cx, myl_state_pages);

    *kept = *pages;
    return myl_reply_pages(req, 200, "application/json", next_page, kept);
}
