/* words.c: the words of a text, cut and folded by ICU.
 *
 * Threads: any. Memory: ICU's handles end with the call; texts live in the job.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <myelin/base_words.h>

#include <unicode/ubrk.h>
#include <unicode/unorm2.h>
#include <unicode/ustring.h>

#include <myelin/base_list.h>

enum { FOLD_GROWTH = 18 }; /* code units that one may become (NFKC, Unicode FAQ) */

typedef struct {
    UChar *at;
    int32_t len;
} wide;

static wide widened(myl_ctx *cx, myl_str text)
{
    UErrorCode error = U_ZERO_ERROR;
    wide out = {myl_new_array(cx, UChar, text.len + 1), 0};

    MYL_ASSERT(text.len < INT32_MAX / FOLD_GROWTH);
    u_strFromUTF8WithSub(out.at, (int32_t)text.len + 1, &out.len, text.at, (int32_t)text.len,
                         0xfffd, NULL, &error);
    MYL_ASSERT(U_SUCCESS(error));
    return out;
}

static wide folded(myl_ctx *cx, wide text)
{
    UErrorCode error = U_ZERO_ERROR;
    const UNormalizer2 *form = unorm2_getNFKCCasefoldInstance(&error);
    wide out;

    MYL_ASSERT(U_SUCCESS(error));
    out.len = unorm2_normalize(form, text.at, text.len, NULL, 0, &error);
    error = U_ZERO_ERROR;
    out.at = myl_new_array(cx, UChar, (size_t)out.len + 1);
    unorm2_normalize(form, text.at, text.len, out.at, out.len + 1, &error);
    MYL_ASSERT(U_SUCCESS(error));
    return out;
}

static myl_str narrowed(myl_ctx *cx, const UChar *at, int32_t len)
{
    UErrorCode error = U_ZERO_ERROR;
    char *bytes = myl_alloc(cx, 3 * (size_t)len + 1);
    int32_t count = 0;

    u_strToUTF8WithSub(bytes, 3 * len + 1, &count, at, len, 0xfffd, NULL, &error);
    MYL_ASSERT(U_SUCCESS(error));
    return (myl_str){bytes, (size_t)count};
}

myl_str myl_words_fold(myl_ctx *cx, myl_str text)
{
    wide form = folded(cx, widened(cx, text));

    return narrowed(cx, form.at, form.len);
}

size_t myl_words_of(myl_ctx *cx, myl_str text, size_t most, const myl_str **words)
{
    wide form = folded(cx, widened(cx, text));
    myl_list list = MYL_LIST(cx, myl_str);
    UErrorCode error = U_ZERO_ERROR;
    UBreakIterator *breaks = ubrk_open(UBRK_WORD, "", form.at, form.len, &error);

    MYL_ASSERT(U_SUCCESS(error));
    for (int32_t from = ubrk_first(breaks), to = ubrk_next(breaks);
         to != UBRK_DONE && list.count < most; from = to, to = ubrk_next(breaks))
        if (ubrk_getRuleStatus(breaks) >= UBRK_WORD_NONE_LIMIT)
            myl_list_push(&list, myl_str, narrowed(cx, form.at + from, to - from));
    ubrk_close(breaks);
    *words = list.at;
    return list.count;
}
