/* fuzz_fed_header.c: any bytes as an X-Matrix header.
 *
 * Holds:   what is read and written again, quoted, is read as the same.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>
#include <stdlib.h>

#include "fed/fed_own.h"

static void demand(bool condition, const char *what)
{
    if (condition)
        return;
    fprintf(stderr, "%s\n", what);
    abort();
}

static void add(myl_text *text, const char *name, myl_str value)
{
    if (!myl_str_present(value))
        return;
    myl_text_addf(text, "%s=\"", name);
    for (size_t i = 0; i < value.len; i++) {
        if (value.at[i] == '"' || value.at[i] == '\\')
            myl_text_add_byte(text, '\\');
        myl_text_add_byte(text, value.at[i]);
    }
    myl_text_add(text, MYL_S("\","));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    myl_fed_credentials first, second;
    myl_ctx cx;

    myl_ctx_begin(&cx);
    if (size < MYL_LIMIT_FED_HEADER_BYTES / 2 - 64 &&
        myl_fed_header_read(&cx, (myl_str){(const char *)data, size}, &first)) {
        myl_text text = MYL_TEXT(&cx);
        myl_text_add(&text, MYL_S("X-Matrix "));
        add(&text, "origin", first.origin);
        add(&text, "destination", first.destination);
        add(&text, "key", first.key);
        add(&text, "sig", first.signature);
        demand(myl_fed_header_read(&cx, myl_text_str(&text), &second), "not read again");
        demand(myl_str_equal(first.origin, second.origin), "another origin");
        demand(myl_str_equal(first.destination, second.destination), "another destination");
        demand(myl_str_equal(first.key, second.key), "another key");
        demand(myl_str_equal(first.signature, second.signature), "another signature");
    }
    myl_ctx_end(&cx);
    return 0;
}
