/* fuzz_fed_lists.c: any bytes as the answer to a join, in pieces of any size.
 *
 * Holds:   where the pieces end makes no difference.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>
#include <stdlib.h>

#include "fed/rooms_own.h"

static void note(void *arg, int which, myl_str text)
{
    myl_text_addf(arg, "%d:", which);
    myl_text_add(arg, text);
}

static bool take(myl_ctx *cx, myl_str bytes, size_t size, myl_text *got)
{
    fed_lists lists = {.arrays = {"state", "auth_chain"},
                       .object = "event",
                       .take = note,
                       .arg = got};
    bool good = true;

    *got = MYL_TEXT(cx);
    myl_fed_lists_start(&lists);
    for (size_t at = 0; at < bytes.len && good; at += size)
        good = myl_fed_lists_take(&lists, myl_str_slice(bytes, at, size));
    good = good && myl_fed_lists_are_whole(&lists);
    myl_fed_lists_end(&lists);
    return good;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    myl_str bytes = {(const char *)data + 1, size - 1};
    myl_text whole, pieces;
    myl_ctx cx;

    if (size < 2)
        return 0;
    myl_ctx_begin(&cx);
    if (take(&cx, bytes, bytes.len, &whole) != take(&cx, bytes, 1 + data[0], &pieces) ||
        !myl_str_equal(myl_text_str(&whole), myl_text_str(&pieces))) {
        fprintf(stderr, "pieces of %d bytes give something else\n", 1 + data[0]);
        abort();
    }
    myl_ctx_end(&cx);
    return 0;
}
