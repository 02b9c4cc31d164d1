/* fuzz_body.c: any JSON through any decoder made from schemas/.
 *
 * The input is the name of a form, a line feed, and the body; no body when nothing follows.
 * Holds:   a refusal has a code of a CLIENT and words; the same body is judged the same twice.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>
#include <stdlib.h>

#include <myelin/body_decoders.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const myl_body_form *form_of(myl_str name)
{
    for (size_t i = 0; i < myl_body_form_count; i++)
        if (myl_str_equal(name, myl_str_of(myl_body_forms[i]->name)))
            return myl_body_forms[i];
    return NULL;
}

static myl_rc decode(myl_ctx *cx, const myl_body_form *form, const myl_json *json)
{
    return form->decode(cx, json, myl_alloc(cx, form->size));
}

static void judge(myl_ctx *cx, const myl_body_form *form, const myl_json *json)
{
    myl_rc rc = decode(cx, form, json);
    bool wrong = rc != MYL_OK && (myl_error_of(rc)->kind != MYL_KIND_CLIENT ||
                                  cx->error.detail.len == 0 || cx->error.rc != rc);
    myl_forgive(cx);
    if (wrong || decode(cx, form, json) != rc) {
        fprintf(stderr, "%s: code %d\n", form->name, (int)rc);
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    myl_str input = {(const char *)data, size};
    size_t end = myl_str_find(input, '\n', 0);
    const myl_body_form *form = form_of(myl_str_slice(input, 0, end == SIZE_MAX ? size : end));
    if (!form)
        return -1;
    myl_ctx cx;
    myl_ctx_begin(&cx);
    const myl_json *json = NULL;
    myl_str body = end == SIZE_MAX ? MYL_ABSENT : myl_str_slice(input, end + 1, size);
    if (body.len == 0 || myl_json_parse(&cx, body, &json) == MYL_OK)
        judge(&cx, form, json);
    myl_ctx_end(&cx);
    return 0;
}
