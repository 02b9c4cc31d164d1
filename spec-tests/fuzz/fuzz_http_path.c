/* fuzz_http_path.c: any target through the router, percent-decoding and the query walk.
 *
 * Holds:   the tree finds what a plain search over all rows finds; decoded ids, encoded anew, lead
 *          to the same row and decode to the same ids.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>
#include <stdlib.h>

#include <myelin/api_endpoints.h>

#include "http/router.h"
#include "http/target.h"

static void demand(bool condition, const char *what, myl_str detail)
{
    if (condition)
        return;
    fprintf(stderr, "%s: %.*s\n", what, MYL_FMT(detail));
    abort();
}

static bool next_segment(myl_str path, size_t *from, myl_str *out)
{
    if (*from > path.len)
        return false;
    size_t end = myl_str_find(path, '/', *from);
    if (end == SIZE_MAX)
        end = path.len;
    *out = (myl_str){path.at + *from, end - *from};
    *from = end + 1;
    return true;
}

/* Does the row's template fit the raw path, segment by segment? */
static bool fits(const myl_endpoint *row, myl_str path)
{
    myl_str template = myl_str_of(row->path);
    size_t at = 1;
    size_t template_at = 1;
    myl_str segment;
    myl_str wanted;

    for (;;) {
        bool has = next_segment(path, &at, &segment);
        if (has != next_segment(template, &template_at, &wanted))
            return false;
        if (!has)
            return true;
        if (!myl_str_starts(wanted, MYL_S("{")) && !myl_http_decodes_to(segment, wanted))
            return false;
    }
}

static bool any_fits(myl_method method, myl_str path)
{
    size_t count;
    const myl_endpoint *rows = myl_api_endpoints(&count);

    for (size_t i = 0; i < count; i++) {
        if (rows[i].method == method && (rows[i].apis & MYL_API_CLIENT) != 0 &&
            fits(&rows[i], path))
            return true;
    }
    return false;
}

static void add_encoded(myl_text *out, myl_str text)
{
    for (size_t i = 0; i < text.len; i++)
        myl_text_addf(out, "%%%02X", (unsigned char)text.at[i]);
}

/* The row's template with every placeholder filled in, fully encoded. */
static myl_str built(myl_ctx *cx, const http_match *match, const myl_str *ids)
{
    myl_str template = myl_str_of(match->endpoint->path);
    myl_text out = myl_text_start(cx, 256);
    size_t at = 1;
    size_t taken = 0;
    myl_str segment;

    while (next_segment(template, &at, &segment)) {
        myl_text_add_byte(&out, '/');
        if (myl_str_starts(segment, MYL_S("{")))
            add_encoded(&out, ids[taken++]);
        else
            myl_text_add(&out, segment);
    }
    return myl_text_str(&out);
}

static void check_ids(myl_ctx *cx, const http_router *router, myl_method method,
                      const http_match *match)
{
    myl_path path = {.room_id = MYL_ABSENT};
    myl_str ids[HTTP_PATH_IDS];

    if (myl_http_path_ids(cx, match, &path) != MYL_OK)
        return;
    for (size_t i = 0; i < match->count; i++)
        demand(myl_http_decode(cx, match->raw[i], false, &ids[i]), "not decoded", match->raw[i]);
    myl_str again = built(cx, match, ids);
    http_match other = myl_http_route(router, method, MYL_API_CLIENT, again);
    demand(other.endpoint == match->endpoint, "another row", again);
    for (size_t i = 0; i < match->count; i++) {
        myl_str id;
        demand(myl_http_decode(cx, other.raw[i], false, &id), "not decoded again", again);
        demand(myl_str_equal(id, ids[i]), "another id", again);
    }
}

static void check_query(myl_ctx *cx, myl_str query)
{
    size_t at = 0;
    myl_str name;
    myl_str value;
    myl_str decoded;

    while (myl_http_query_next(query, &at, &name, &value)) {
        demand(name.at >= query.at && value.at + value.len <= query.at + query.len, "outside",
               query);
        if (myl_http_decode(cx, value, true, &decoded))
            demand(decoded.len <= value.len && myl_str_is_utf8(decoded), "badly decoded", value);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static http_router *router;
    size_t count;
    const myl_endpoint *rows = myl_api_endpoints(&count);
    myl_str path;
    myl_str query;
    myl_ctx cx;

    if (router == NULL)
        router = myl_http_router_start(rows, count);
    if (size == 0)
        return 0;
    myl_ctx_begin(&cx);
    myl_method method = (myl_method)(data[0] % 4);
    myl_http_target_split((myl_str){(const char *)data + 1, size - 1}, &path, &query);
    http_match match = myl_http_route(router, method, MYL_API_CLIENT, path);
    if (path.len > 0 && path.at[0] == '/')
        demand((match.endpoint != NULL) == any_fits(method, path), "the searches differ", path);
    if (match.endpoint != NULL) {
        demand(fits(match.endpoint, path), "does not fit", path);
        check_ids(&cx, router, method, &match);
    }
    if (myl_str_present(query))
        check_query(&cx, query);
    myl_ctx_end(&cx);
    return 0;
}
