/* user_check.h: what `myelin check` looks at in the tables of user/.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MYELIN_USER_CHECK_H
#define MYELIN_USER_CHECK_H

#include <myelin/store_check.h>

/* Accounts and their count, tokens and devices both ways, account data and the index of changes, one-time keys, UIA. */
extern const myl_check_row myl_user_checks[];

#endif
