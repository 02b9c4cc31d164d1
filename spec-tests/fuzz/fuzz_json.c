/* fuzz_json.c: any bytes through the JSON parser, its writers and back, beside jansson.
 *
 * Holds:   both accept or both refuse, but for the differences of
 *          docs/decisions/002-json-parser.md; what was written parses again to an equal tree and
 *          writes to the same bytes; a walk over all three forms never disagrees with its check.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include <myelin/json_value.h>

static void demand(bool condition, const char *what, myl_str detail)
{
    if (condition)
        return;
    fprintf(stderr, "%s: %.*s\n", what, MYL_FMT(detail));
    abort();
}

static bool has(myl_str text, myl_str part)
{
    return memmem(text.at, text.len, part.at, part.len) != NULL;
}

/* Ours refuses deeper nesting and more values than jansson does, which also skips a raw NUL byte
 * behind a number. */
static bool may_refuse(myl_str text, myl_str detail)
{
    if (myl_str_find(text, '\0', 0) != SIZE_MAX)
        return true;
    return has(detail, MYL_S("nested too deeply")) || has(detail, MYL_S("too many values"));
}

/* jansson refuses U+0000 in keys and numbers that neither int64 nor double can hold. */
static bool may_accept(const json_error_t *error)
{
    enum json_error_code code = json_error_code(error);
    return code == json_error_null_byte_in_key || code == json_error_numeric_overflow;
}

static void compare(myl_str text, bool accepted, myl_str detail)
{
    json_error_t error;
    json_t *tree = json_loadb(text.at, text.len,
                              JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
    if (tree != NULL)
        demand(accepted || may_refuse(text, detail), "refused, but not by jansson", detail);
    else
        demand(!accepted || may_accept(&error), "refused by jansson", myl_str_of(error.text));
    json_decref(tree);
}

static void round_trip(myl_ctx *cx, const myl_json *tree)
{
    myl_text written = MYL_TEXT(cx), again = MYL_TEXT(cx);
    const myl_json *copy = NULL;
    myl_json_write(&written, tree);
    myl_str text = myl_text_str(&written);
    demand(myl_json_parse(cx, text, &copy) == MYL_OK, "what was written does not parse", text);
    demand(myl_json_equal(tree, copy), "another tree after writing", text);
    myl_json_write(&again, copy);
    demand(myl_str_equal(myl_text_str(&again), text), "other bytes at the second writing", text);
}

static void forms(myl_ctx *cx, const myl_json *tree)
{
    for (int form = MYL_JSON_LOOSE; form <= MYL_JSON_NORMAL; form++) {
        myl_text out = MYL_TEXT(cx);
        myl_rc written = myl_json_canonical(cx, tree, (myl_json_form)form, &out);
        demand(written == MYL_OK || (form != MYL_JSON_LOOSE && out.len == 0), "canonical",
               MYL_S(""));
        myl_forgive(cx);
        demand(myl_json_check(cx, tree, (myl_json_form)form) == written, "check differs",
               MYL_S(""));
        myl_forgive(cx);
        const myl_json *copy;
        if (written == MYL_OK && form != MYL_JSON_LOOSE) {
            demand(myl_json_parse(cx, myl_text_str(&out), &copy) == MYL_OK, "parse", MYL_S(""));
            demand(myl_json_check(cx, copy, MYL_JSON_STRICT) == MYL_OK, "not strict", MYL_S(""));
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    myl_ctx cx;
    myl_ctx_begin(&cx);
    myl_str text = {(const char *)data, size};
    const myl_json *tree = NULL;
    bool accepted = myl_json_parse(&cx, text, &tree) == MYL_OK;
    compare(text, accepted, cx.error.detail);
    myl_forgive(&cx);
    if (accepted) {
        round_trip(&cx, tree);
        forms(&cx, tree);
    }
    myl_ctx_end(&cx);
    return 0;
}
