/* told.h: what other servers tell, for one request, of rooms that are not here.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CLIENT_TOLD_H
#define CLIENT_TOLD_H

#include "api/client/client_own.h"

typedef struct myl_client_told myl_client_told;
/* The request's own: made in the first round. A handler that uses it has no other plan. */
myl_client_told *myl_client_told_of(myl_req *req);
/* The room as told (an object of a hierarchy, with children_state where it is a space); *told NULL: nobody told, or nobody was
 * asked yet: then myl_client_told_ask does. `via`: array or NULL. */
myl_rc myl_client_told_room(void *told, myl_str room_id, const myl_json *via, const myl_json **out);
/* MYL_NEED when rooms are to be asked for, MYL_OK when all is told that can be. */
myl_rc myl_client_told_ask(myl_req *req, myl_client_told *told);

#endif
