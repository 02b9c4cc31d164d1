/* room_check.h: what `myelin check` looks at in the tables of room/.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MYELIN_ROOM_CHECK_H
#define MYELIN_ROOM_CHECK_H

#include <myelin/store_check.h>

/* Events (form, id, hash, our signature, state roots, both orders), heads, members, receipts, transaction ids. */
extern const myl_check_row myl_room_checks[];
/* Our own events are verified with this key when it is given before the checks run (32 bytes, process lifetime). */
void myl_room_check_key(myl_str server_name, myl_str key_id, myl_str public_key);

#endif
