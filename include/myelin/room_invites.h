/* room_invites.h: who may invite a user of ours, as that user has set it in account data.
 *
 * Spec: Client-Server API, Invite permission (MSC4380: m.invite_permission_config); MSC4155 (lists of users and servers).
 * Threads: as the transaction.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MYELIN_ROOM_INVITES_H
#define MYELIN_ROOM_INVITES_H

#include <myelin/room_state.h>

typedef enum {
    MYL_INVITE_ALLOWED,
    MYL_INVITE_IGNORED, /* the inviter is not told, the user does not see it */
    MYL_INVITE_REFUSED  /* the inviter gets MYL_INVITE_BLOCKED; what came before is not shown */
} myl_invite_permission;
myl_rc myl_room_invite_permission(myl_ctx *cx, uint64_t user, myl_str inviter,
                                  myl_invite_permission *out);
/* MYL_INVITE_BLOCKED for an invite that its user of ours has refused beforehand; MYL_OK for any other event. */
myl_rc myl_room_check_invite(myl_ctx *cx, const myl_event *event);

#endif
