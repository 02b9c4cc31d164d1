/* router.h: from method and raw path to a row of the endpoint table. Pure.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MYELIN_HTTP_ROUTER_OWN_H
#define MYELIN_HTTP_ROUTER_OWN_H

#include <myelin/http_request.h>

enum { HTTP_SEGMENTS = 24, HTTP_PATH_IDS = 8 };

typedef struct http_router http_router;

/* Made once from the table, process lifetime. Asserts on an unknown placeholder and on a row that
 * is there twice. */
http_router *myl_http_router_start(const myl_endpoint *rows, size_t count);
void myl_http_router_end(http_router *router);

typedef struct {
    const myl_endpoint *endpoint; /* NULL: no such row */
    unsigned allowed;             /* bits 1 << method that this path has, for 405 */
    unsigned elsewhere;           /* the same of APIs that are not asked */
    const uint8_t *ids;           /* rows of path_ids.def, in the order of the template */
    size_t count;
    myl_str raw[HTTP_PATH_IDS]; /* their text, still encoded; borrowed from the path */
} http_match;

/* Only rows of the given APIs are seen. HEAD finds the row of GET where it has none of its own. */
http_match myl_http_route(const http_router *router, myl_method method, unsigned apis,
                          myl_str path);
/* Decodes and checks the placeholders of a match: MYL_INVALID_PARAM naming the first that is wrong,
 * MYL_UNRECOGNIZED for one that is empty and must not be. */
myl_rc myl_http_path_ids(myl_ctx *cx, const http_match *match, myl_path *out);

/* MYL_METHOD_COUNT for anything else. */
myl_method myl_http_method_of(myl_str name);
const char *myl_http_method_name(myl_method method);

#endif
