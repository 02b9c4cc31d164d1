/* remote_keys.h: keys of other servers' users, for the handlers of /keys/query and /keys/claim.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CLIENT_REMOTE_KEYS_H
#define CLIENT_REMOTE_KEYS_H

#include <myelin/base_list.h>

#include "api/client/client_own.h"

/* What other servers have answered. */
typedef struct {
    myl_map *users;           /* user id -> myl_remote_keys, what came now */
    myl_map *claimed;         /* user id -> myl_json: {device: {key id: key}} */
    const myl_json *failures; /* {server: error} */
} myl_remote_answers;

/* Asks for those users of other servers whose copies are not good: MYL_NEED; in the next round *out is what came. NULL:
 * there was nothing to ask. `asked` as in the request. */
myl_rc myl_client_remote_query(myl_req *req, const myl_json *asked, int64_t timeout_ms,
                               const myl_remote_answers **out);
/* The same for one-time keys. */
myl_rc myl_client_remote_claim(myl_req *req, const myl_json *asked, int64_t timeout_ms,
                               const myl_remote_answers **out);
/* Device keys of a user of another server as a member of the open object: what came now, or the copy. */
myl_rc myl_client_write_remote_devices(myl_req *req, myl_writer *w, const myl_json *user,
                                       const myl_remote_answers *answers);

#endif
