/* legacy.h: what the answers from before /sync share.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CLIENT_LEGACY_H
#define CLIENT_LEGACY_H

#include "api/client/client_own.h"

#include <myelin/room_presence.h>
#include <myelin/sync_build.h>

typedef struct {
    myl_req *req;
    myl_client_reading reading;
    myl_writer w;
    myl_sync_token now;
    const myl_account_data *data; /* the caller's, all of it */
    size_t data_count;
    int64_t limit; /* messages of a room */
} myl_client_looking;
/* Reads the parameter `limit`. Whoever asks is there. */
myl_rc myl_client_look(myl_req *req, myl_client_looking *l);
/* An event of each receipt of the room behind the position that the caller may see; adds to *written. */
myl_rc myl_client_write_receipts(myl_client_looking *l, const myl_room_head *head, uint64_t after,
                                 size_t *written);
/* An m.presence event. */
myl_rc myl_client_write_presence(myl_client_looking *l, uint64_t user);

#endif
