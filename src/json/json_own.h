/* json_own.h: what the files of json/ share with each other.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MYELIN_JSON_OWN_H
#define MYELIN_JSON_OWN_H

#include <myelin/base_limit.h>
#include <myelin/json_value.h>

/* Levels of the trees that are written: what comes from outside, and what we put around it. */
#define JSON_WALK_DEPTH (2 * MYL_LIMIT_JSON_DEPTH)

/* The largest integer of the strict form: 2^53-1. */
#define JSON_LARGEST_STRICT INT64_C(9007199254740991)

static inline bool myl_json_is_container(const myl_json *value)
{
    return value->kind == MYL_JSON_ARRAY || value->kind == MYL_JSON_OBJECT;
}

/* Sorts by key; `items` may be replaced. False and the key when two are the same. */
bool myl_json_sort(myl_ctx *cx, myl_json **items, size_t count, myl_str *duplicate);

/* Is the number written in `digits` an integer within +-(2^53-1)? Exact, whatever the exponent. */
bool myl_json_number_is_integer(myl_str digits, int64_t *out);

#endif
