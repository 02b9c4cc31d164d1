/* fed_check.h: for `myelin check`: the keys of other servers.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MYELIN_FED_CHECK_H
#define MYELIN_FED_CHECK_H

#include <myelin/store_check.h>

extern const myl_check_row myl_fed_checks[];

#endif
