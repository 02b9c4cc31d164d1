/* glob.c: glob patterns of push rules.
 *
 * Why:     a pattern without wildcards, which is nearly every one, is a comparison; the others are PCRE2's, whose match limit
 *          bounds what a hostile pattern can cost.
 * Threads: any.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <myelin/push_judge.h>

#include <myelin/base_limit.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

static bool is_ascii(myl_str text)
{
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.at[i] >= 0x80)
            return false;
    return true;
}

static bool has_wildcards(myl_str pattern)
{
    return myl_str_find(pattern, '*', 0) != SIZE_MAX || myl_str_find(pattern, '?', 0) != SIZE_MAX;
}

static char lower(char byte)
{
    return byte >= 'A' && byte <= 'Z' ? (char)(byte + 32) : byte;
}

static bool equal_but_case(const char *a, const char *b, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (lower(a[i]) != lower(b[i]))
            return false;
    return true;
}

/* ---- plain words ---- */

static bool is_word(char byte)
{
    return (byte >= '0' && byte <= '9') || (lower(byte) >= 'a' && lower(byte) <= 'z') ||
           byte == '_';
}

static bool has_word(myl_str text, myl_str word)
{
    for (size_t at = 0; at + word.len <= text.len; at++) {
        size_t end = at + word.len;

        if ((at == 0 || !is_word(text.at[at - 1])) && (end == text.len || !is_word(text.at[end])) &&
            equal_but_case(text.at + at, word.at, word.len))
            return true;
    }
    return false;
}

/* ---- patterns ---- */

static myl_str regex_of(myl_ctx *cx, myl_str pattern, bool words)
{
    myl_text out = myl_text_start(cx, pattern.len * 2 + 64);

    myl_text_add(&out, words ? MYL_S("(?:\\A|[^A-Za-z0-9_])") : MYL_S("\\A"));
    for (size_t i = 0; i < pattern.len; i++) {
        char byte = pattern.at[i];

        if (byte == '*') {
            if (i == 0 || pattern.at[i - 1] != '*')
                myl_text_add(&out, MYL_S(".*?"));
        } else if (byte == '?') {
            myl_text_add_byte(&out, '.');
        } else {
            if ((unsigned char)byte < 0x80 && !is_word(byte))
                myl_text_add_byte(&out, '\\');
            myl_text_add_byte(&out, byte);
        }
    }
    myl_text_add(&out, words ? MYL_S("(?:\\z|[^A-Za-z0-9_])") : MYL_S("\\z"));
    return myl_text_str(&out);
}

static bool run(const pcre2_code *code, myl_str text)
{
    pcre2_match_context *limits = pcre2_match_context_create(NULL);
    pcre2_match_data *data = pcre2_match_data_create(1, NULL);
    int found = PCRE2_ERROR_NOMEMORY;

    if (limits != NULL && data != NULL) {
        pcre2_set_match_limit(limits, MYL_LIMIT_GLOB_STEPS);
        pcre2_set_depth_limit(limits, MYL_LIMIT_GLOB_STEPS);
        found =
            pcre2_match(code, (PCRE2_SPTR)text.at, text.len, 0, PCRE2_NO_UTF_CHECK, data, limits);
    }
    pcre2_match_data_free(data);
    pcre2_match_context_free(limits);
    return found >= 0;
}

static bool matches(myl_ctx *cx, myl_str pattern, myl_str text, bool words)
{
    myl_str regex = regex_of(cx, pattern, words);
    PCRE2_SIZE offset;
    pcre2_code *code;
    bool found;
    int error;

    if (!myl_str_is_utf8(pattern) || !myl_str_is_utf8(text))
        return false;
    code = pcre2_compile((PCRE2_SPTR)regex.at, regex.len,
                         PCRE2_UTF | PCRE2_CASELESS | PCRE2_DOTALL | PCRE2_NEVER_BACKSLASH_C,
                         &error, &offset, NULL);
    if (code == NULL)
        return false;
    found = run(code, text);
    pcre2_code_free(code);
    return found;
}

bool myl_push_glob(myl_ctx *cx, myl_str pattern, myl_str text, bool words)
{
    if (pattern.len > MYL_LIMIT_GLOB_BYTES)
        return false;
    if (has_wildcards(pattern) || !is_ascii(pattern))
        return matches(cx, pattern, text, words);
    if (words)
        return pattern.len > 0 && has_word(text, pattern);
    return pattern.len == text.len && equal_but_case(text.at, pattern.at, text.len);
}
