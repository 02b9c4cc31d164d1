/* check_walk.c: every row of a table, for the checks of higher folders.
 *
 * Threads: one. Memory: what a step makes is given back after it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <myelin/store_check.h>

myl_rc myl_check_walk(myl_ctx *cx, myl_check *check, myl_table_id table, myl_check_each each)
{
    myl_scan *scan;
    myl_str key, value;

    MYL_TRY(myl_scan_start(cx, table, MYL_ABSENT, MYL_ABSENT, MYL_FORWARD, &scan));
    for (;;) {
        myl_mark mark;

        MYL_TRY(myl_scan_next(scan, &key, &value));
        if (!myl_str_present(key))
            break;
        mark = myl_ctx_mark(cx);
        myl_check_seen(check);
        if (each(cx, check, key, value) != MYL_OK) {
            myl_check_wrong(check, "%s: %.*s", myl_table_name(table), MYL_FMT(cx->error.detail));
            myl_forgive(cx);
        }
        myl_ctx_release(cx, mark);
    }
    myl_scan_end(scan);
    return MYL_OK;
}
