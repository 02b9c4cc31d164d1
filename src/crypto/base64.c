/* base64.c: base64 without padding, in both alphabets (appendices, Unpadded Base64).
 *
 * Why:     decoding is ours since libsodium refuses bits behind the last byte that are not zero;
 *          other servers take them, and the appendices' own test key has them. Encoding is ours since
 *          every event read makes its id, and libsodium's takes ten times as long.
 * Callers: signatures, hashes, event ids, keys. Memory: results live in the job.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "crypto_own.h"

/* Each alphabet fills one line of the cache, so that looking up tells nothing of a secret. */
static const _Alignas(64) char alphabets[2][64] = {
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
};

myl_str myl_crypto_base64(myl_ctx *cx, myl_base64_form form, myl_str data)
{
    const char *alphabet = alphabets[form == MYL_BASE64_URL];
    char *text = myl_alloc(cx, data.len / 3 * 4 + 4);
    size_t len = 0;
    unsigned held = 0; /* bits that make no sign yet */
    uint32_t bits = 0;

    for (size_t at = 0; at < data.len; at++) {
        bits = bits << 8 | (uint8_t)data.at[at];
        for (held += 8; held >= 6; held -= 6)
            text[len++] = alphabet[bits >> (held - 6) & 63];
    }
    if (held > 0)
        text[len++] = alphabet[bits << (6 - held) & 63];
    return (myl_str){text, len};
}

/* 0..63, or 64 for what is not in the alphabet. */
static unsigned value_of(myl_base64_form form, char sign)
{
    if (sign >= 'A' && sign <= 'Z')
        return (unsigned)(sign - 'A');
    if (sign >= 'a' && sign <= 'z')
        return (unsigned)(sign - 'a') + 26;
    if (sign >= '0' && sign <= '9')
        return (unsigned)(sign - '0') + 52;
    if (sign == (form == MYL_BASE64_URL ? '-' : '+'))
        return 62;
    return sign == (form == MYL_BASE64_URL ? '_' : '/') ? 63 : 64;
}

bool myl_crypto_base64_decode(myl_base64_form form, myl_str text, uint8_t *out, size_t *len)
{
    uint32_t bits = 0;
    unsigned held = 0; /* bits that make no byte yet */
    *len = 0;
    if (text.len > 0 && text.len % 4 == 0) {
        for (int i = 0; i < 2 && text.at[text.len - 1] == '='; i++)
            text.len--;
    }
    for (size_t at = 0; at < text.len; at++) {
        unsigned value = value_of(form, text.at[at]);
        if (value == 64)
            return false;
        bits = bits << 6 | value;
        held += 6;
        if (held >= 8) {
            held -= 8;
            out[(*len)++] = (uint8_t)(bits >> held);
        }
    }
    return held < 6; /* one sign alone holds no byte */
}

bool myl_crypto_unbase64(myl_ctx *cx, myl_base64_form form, myl_str text, myl_str *out)
{
    uint8_t *bytes = myl_alloc(cx, text.len / 4 * 3 + 3);
    size_t len;
    if (!myl_crypto_base64_decode(form, text, bytes, &len))
        return false;
    *out = (myl_str){(const char *)bytes, len};
    return true;
}
