/* target.h: request targets: percent-decoding and query strings. Pure.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MYELIN_HTTP_TARGET_OWN_H
#define MYELIN_HTTP_TARGET_OWN_H

#include <myelin/base_ctx.h>

/* Path and query of a target; the query is absent when there is no '?'. */
void myl_http_target_split(myl_str target, myl_str *path, myl_str *query);

/* The bytes that a path segment or query part stands for; borrowed when nothing is encoded.
 * `plus`: '+' means a blank (queries). False for a broken escape, a NUL byte, or bytes that are
 * not UTF-8. */
bool myl_http_decode(myl_ctx *cx, myl_str raw, bool plus, myl_str *out);

/* The next name=value pair of a query, still encoded; *at starts at 0. False at the end. A pair
 * without '=' has an empty value. */
bool myl_http_query_next(myl_str query, size_t *at, myl_str *name, myl_str *value);

/* Does the encoded `raw` stand for exactly `plain`? */
bool myl_http_decodes_to(myl_str raw, myl_str plain);

#endif
