/* sync_token.h: what a client holds between two /sync calls.
 *
 * "s<epoch>_<durable>_<boot>.<volatile>", and "_<to-device>" behind it while to-device messages before the durable
 * position have not all been given: the restore epoch, the position up to which all stored changes were given,
 * this boot's id and the counter of typing and presence. On another boot id volatile things are sent anew; on an
 * older epoch the token is answered like none, but for to-device messages: those that the restored copy holds and the
 * token says are given are not given again (decision 144). Opaque to clients.
 * Sliding sync: to-device messages have a token of their own, "d<epoch>_<position>".
 * Threads: any.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MYELIN_SYNC_TOKEN_H
#define MYELIN_SYNC_TOKEN_H

#include <myelin/base_ctx.h>

typedef struct {
    uint64_t epoch;
    uint64_t durable;
    uint64_t boot;
    uint64_t counter;
    uint64_t to_device; /* the position up to which to-device messages were given */
} myl_sync_token;

myl_str myl_sync_token_write(myl_ctx *cx, myl_sync_token token);
/* MYL_INVALID_PARAM naming `parameter` for anything else. */
myl_rc myl_sync_token_read(myl_ctx *cx, myl_str text, const char *parameter, myl_sync_token *out);
/* Does it look like one? (/messages takes both kinds) */
bool myl_sync_token_is(myl_str text);

/* The token for to-device messages alone: all up to this position were given. */
myl_str myl_to_device_token_write(myl_ctx *cx, uint64_t epoch, uint64_t position);
/* The position up to which messages were given; 0: a token of a copy that went another way, so that nothing is known.
 * MYL_INVALID_PARAM naming `parameter`. Inside cx->txn. */
myl_rc myl_to_device_token_read(myl_ctx *cx, myl_str text, const char *parameter, uint64_t *out);
/* The same of a token of /sync. */
myl_rc myl_sync_token_to_device(myl_ctx *cx, const myl_sync_token *token, uint64_t *out);

#endif
