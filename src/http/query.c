/* query.c: query parameters and form fields, decoded for handlers.
 *
 * Callers: handlers. Threads: the request's. Memory: texts live in the job.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <myelin/http_request.h>

#include <myelin/base_list.h>

#include "http/target.h"

/* The next value of `name`, from *at on; a pair that cannot be decoded is passed over. */
static bool next_value(myl_req *req, myl_str pairs, myl_str name, size_t *at, myl_str *out)
{
    myl_str raw_name;
    myl_str raw_value;
    myl_str found;

    while (myl_http_query_next(pairs, at, &raw_name, &raw_value)) {
        bool encoded = memchr(raw_name.at, '%', raw_name.len) != NULL;
        if (!encoded && !myl_str_equal(raw_name, name))
            continue;
        if (encoded &&
            !(myl_http_decode(&req->cx, raw_name, true, &found) && myl_str_equal(found, name)))
            continue;
        if (myl_http_decode(&req->cx, raw_value, true, out))
            return true;
    }
    return false;
}

myl_str myl_req_query(myl_req *req, const char *name)
{
    size_t at = 0;
    myl_str value;

    return next_value(req, req->query, myl_str_of(name), &at, &value) ? value : MYL_ABSENT;
}

myl_str myl_req_form(myl_req *req, const char *name)
{
    size_t at = 0;
    myl_str value;

    return next_value(req, req->body, myl_str_of(name), &at, &value) ? value : MYL_ABSENT;
}

size_t myl_req_query_all(myl_req *req, const char *name, const myl_str **values)
{
    myl_list list = MYL_LIST(&req->cx, myl_str);
    size_t at = 0;
    myl_str value;

    while (next_value(req, req->query, myl_str_of(name), &at, &value))
        myl_list_push(&list, myl_str, value);
    *values = list.at;
    return list.count;
}

myl_rc myl_req_query_int(myl_req *req, const char *name, int64_t low, int64_t high, int64_t missing,
                         int64_t *out)
{
    myl_str value = myl_req_query(req, name);

    *out = missing;
    if (!myl_str_present(value))
        return MYL_OK;
    if (!myl_str_to_int(value, out) || *out < low || *out > high)
        return myl_fail(&req->cx, MYL_INVALID_PARAM, "%s: expected an integer from %lld to %lld",
                        name, (long long)low, (long long)high);
    return MYL_OK;
}

myl_rc myl_req_query_bool(myl_req *req, const char *name, bool missing, bool *out)
{
    myl_str value = myl_req_query(req, name);

    *out = missing;
    if (!myl_str_present(value))
        return MYL_OK;
    *out = myl_str_equal(value, MYL_S("true"));
    if (!*out && !myl_str_equal(value, MYL_S("false")))
        return myl_fail(&req->cx, MYL_INVALID_PARAM, "%s: expected true or false", name);
    return MYL_OK;
}
