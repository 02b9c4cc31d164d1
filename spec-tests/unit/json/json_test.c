/* json_test.c: parsing and vectors for the tests of json/. They run in the project's folder.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "json/json_test.h"

#include <stdio.h>

const myl_json *json_test_parse(myl_ctx *cx, myl_str text)
{
    const myl_json *tree = NULL;
    if (myl_json_parse(cx, text, &tree) != MYL_OK)
        fail_msg("%.*s: %.*s", MYL_FMT(text), MYL_FMT(cx->error.detail));
    return tree;
}

myl_str json_test_text(myl_ctx *cx, const myl_json *tree)
{
    myl_text text = MYL_TEXT(cx);
    myl_json_write(&text, tree);
    return myl_text_str(&text);
}

const myl_json *json_test_vectors(myl_ctx *cx, const char *name)
{
    FILE *file = fopen(myl_cstr(cx, myl_strf(cx, "spec-tests/vectors/%s", name)), "r");
    assert_non_null(file);
    myl_text text = MYL_TEXT(cx);
    for (int byte; (byte = fgetc(file)) != EOF;)
        myl_text_add_byte(&text, (char)byte);
    fclose(file);
    return json_test_parse(cx, myl_text_str(&text));
}
