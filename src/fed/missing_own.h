/* missing_own.h: filling holes: what missing.c and backfill.c share.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef FED_MISSING_OWN_H
#define FED_MISSING_OWN_H

#include "fed/rooms_own.h"

enum { FED_FILL_SERVERS = 3 };

/* One event on its way in. */
typedef struct {
    fed_pdu pdu;
    myl_incoming *incoming;
    fed_state state;        /* before it, as a server told; count 0: none was asked for */
    const myl_str *missing; /* prev events */
    size_t missing_count;
    bool no_more, asked;
    bool is_place;        /* fetched alone: the state before it is asked for, not the events */
    bool placed;          /* what it stands on was fetched so */
    const uint64_t *told; /* numbers of the state's events that are here; NULL: nobody was asked */
    size_t told_count;
    bool done;                /* admitted, or given up */
    bool in_change, accepted; /* by the change under way */
    bool admitted;
    size_t tries;
} fed_entry;

typedef struct {
    fed_room room;
    myl_coming coming;
    uint64_t led_to;
    int rounds;
    const myl_str *servers; /* asked in turn */
    size_t server_count;
    myl_list entries; /* fed_entry */
    size_t stored;    /* accepted so far */
    size_t bad;       /* texts that were no events of the room */
    size_t asks;      /* get_missing_events so far */
    bool dry;         /* an answer was short: there is no more to be had that way */
    myl_str newest[MYL_LIMIT_EXTREMITIES];
    size_t newest_count;
    bool unreached; /* a server that was asked did not answer */
    bool more;      /* the change ended before all was looked at */
} fed_fill;

myl_rc myl_fed_fill_add(myl_ctx *cx, fed_fill *fill, const myl_list *texts, size_t *added);
void myl_fed_fill_servers(myl_ctx *cx, fed_fill *fill, myl_str first);
/* Admits what can be, fetches for what cannot, until all is done or the rounds are over. */
myl_rc myl_fed_fill_run(myl_ctx *cx, fed_fill *fill);

#endif
