/* user_ticket.h: short-lived secrets that stand for a user: login tokens and OpenID tokens.
 *
 * Spec: Client-Server API, Token-based login (get_token); OpenID. Only their hashes are stored; they are bounded
 * (TICKETS, the ones that end first go), expire, and end with whatever ends the account's tokens.
 * Threads: as the transaction; those that write, inside a change.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MYELIN_USER_TICKET_H
#define MYELIN_USER_TICKET_H

#include <myelin/user_account.h>

typedef enum { MYL_TICKET_LOGIN = 1, MYL_TICKET_OPENID = 2 } myl_ticket;

/* A new one for a user; *ticket goes out once. */
myl_rc myl_user_ticket_new(myl_ctx *cx, myl_ticket kind, uint64_t user, int64_t lifetime_ms,
                           myl_str *ticket);
/* Whose it is; absent when it is unknown, of another kind, expired, or its account is no longer open. */
myl_rc myl_user_ticket_find(myl_ctx *cx, myl_ticket kind, myl_str ticket, myl_str *user_id);
/* It serves once: forgets it. */
myl_rc myl_user_ticket_end(myl_ctx *cx, myl_str ticket);

#endif
