/* paging.c: parts of sorted lists: ?from, ?limit, ?dir, ?order_by.
 *
 * Threads: any.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "api/admin/admin_own.h"

#include <myelin/base_limit.h>

enum { USUAL = 100 };

myl_rc myl_admin_read_page(myl_req *req, myl_admin_page *out)
{
    myl_str dir = myl_req_query(req, "dir");

    MYL_TRY(myl_req_query_int(req, "from", 0, INT32_MAX, 0, &out->from));
    MYL_TRY(myl_req_query_int(req, "limit", 0, INT32_MAX, USUAL, &out->limit));
    if (out->limit > MYL_LIMIT_ADMIN_PAGE)
        out->limit = MYL_LIMIT_ADMIN_PAGE;
    out->backward = myl_str_equal(dir, MYL_S("b"));
    if (myl_str_present(dir) && !out->backward && !myl_str_equal(dir, MYL_S("f")))
        return myl_fail(&req->cx, MYL_INVALID_PARAM, "dir: expected f or b");
    out->order_by = myl_req_query(req, "order_by");
    return MYL_OK;
}

void myl_admin_cut_page(const myl_admin_page *page, size_t count, size_t *first, size_t *end)
{
    *first = (size_t)page->from < count ? (size_t)page->from : count;
    *end = (size_t)page->limit < count - *first ? *first + (size_t)page->limit : count;
}

size_t myl_admin_page_index(const myl_admin_page *page, size_t count, size_t i)
{
    return page->backward ? count - 1 - i : i;
}

/* ---- lists in the making ---- */

static int compare(const void *a, const void *b)
{
    const myl_admin_ranked *one = a, *two = b;
    int texts = myl_str_compare(one->text, two->text);

    if (one->number != two->number)
        return one->number < two->number ? -1 : 1;
    return texts != 0 ? texts : myl_str_compare(one->id, two->id);
}

void myl_admin_sort(myl_list *ranked)
{
    myl_list_sort(ranked, compare);
}

myl_rc myl_admin_list(myl_req *req, myl_rc (*make)(myl_req *req, const void *arg, myl_list *ranked),
                      const void *arg)
{
    myl_ctx kept;
    myl_list ranked;
    myl_rc rc;

    myl_ctx_begin(&kept);
    ranked = MYL_LIST(&kept, myl_admin_ranked);
    rc = make(req, arg, &ranked);
    myl_ctx_end(&kept);
    return rc;
}

/* ---- texts ---- */

static char low(char c)
{
    return (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

static bool is_at(const char *text, myl_str part)
{
    for (size_t i = 0; i < part.len; i++)
        if (low(text[i]) != low(part.at[i]))
            return false;
    return true;
}

bool myl_admin_holds(myl_str text, myl_str part)
{
    for (size_t i = 0; i + part.len <= text.len; i++)
        if (is_at(text.at + i, part))
            return true;
    return false;
}

void myl_admin_write_text(myl_writer *w, const char *key, myl_str value)
{
    if (myl_str_present(value))
        myl_write_str(w, key, value);
    else
        myl_write_null(w, key);
}
