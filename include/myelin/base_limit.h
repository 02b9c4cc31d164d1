/* base_limit.h: everything that a stranger can make grow has a row in src/base/limits.def.
 *
 * LIMIT(NAME, value, "unit", "what it bounds"). MYL_LIMIT_NAME is an integer constant. Limits that
 * an operator may change are configuration keys whose default is the row (config.def names it).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MYELIN_BASE_LIMIT_H
#define MYELIN_BASE_LIMIT_H

#include <stddef.h>

enum {
#define LIMIT(name, value, unit, what) MYL_LIMIT_##name = (value),
#include "base/limits.def"
#undef LIMIT
};

#endif
