/* base_words.h: the words of a text, as a reader of any language sees them, in a form that compares.
 *
 * Words are cut by the Unicode rules (Chinese and Japanese by dictionary) and folded: case, width and accents of
 * composition make no difference. Threads: any.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MYELIN_BASE_WORDS_H
#define MYELIN_BASE_WORDS_H

#include <myelin/base_ctx.h>

/* The folded form of the whole text; what is not UTF-8 is replaced. */
myl_str myl_words_fold(myl_ctx *cx, myl_str text);
/* The words of a text, folded, at most `most` of them, in order. They live in the job. */
size_t myl_words_of(myl_ctx *cx, myl_str text, size_t most, const myl_str **words);

#endif
