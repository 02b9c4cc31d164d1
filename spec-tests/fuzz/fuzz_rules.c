/* fuzz_rules.c: any bytes as a line of `myelin rules`.
 *
 * Holds:   the answer is one line, a JSON object; asked again the answer is the same; memory stays within a
 *          multiple of the line.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>
#include <stdlib.h>

#include <myelin/cmd_rules.h>
#include <myelin/crypto_sign.h>
#include <myelin/json_value.h>

/* Of the line's length; the base is what a state tree takes at the least. */
#define MEMORY_FACTOR 2000
#define MEMORY_BASE 4000000

static void demand(bool condition, const char *what, myl_str detail)
{
    if (condition)
        return;
    fprintf(stderr, "%s: %.*s\n", what, MYL_FMT(detail));
    abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    myl_ctx cx;
    const myl_json *answer;
    myl_crypto_start();
    myl_ctx_begin(&cx);
    myl_str line = {(const char *)data, size};
    myl_str text = myl_rules_answer(&cx, line);
    demand(cx.error.rc == MYL_OK, "an error is left", cx.error.detail);
    demand(myl_ctx_bytes(&cx) < MEMORY_BASE + MEMORY_FACTOR * size, "memory", text);
    demand(myl_str_find(text, '\n', 0) == SIZE_MAX, "more than a line", text);
    demand(myl_json_parse(&cx, text, &answer) == MYL_OK && answer->kind == MYL_JSON_OBJECT,
           "no JSON object", text);
    demand(myl_str_equal(text, myl_rules_answer(&cx, line)), "another answer", text);
    myl_ctx_end(&cx);
    return 0;
}
