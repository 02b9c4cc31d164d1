/* base64.c: base64 without padding, in both alphabets (appendices, Unpadded Base64).
 *
 * Callers: signatures, hashes, event ids, keys. Memory: results live in the job.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "crypto_own.h"

#include <sodium.h>

static int variant_of(myl_base64_form form)
{
    return form == MYL_BASE64_URL ? sodium_base64_VARIANT_URLSAFE_NO_PADDING
                                  : sodium_base64_VARIANT_ORIGINAL_NO_PADDING;
}

myl_str myl_crypto_base64(myl_ctx *cx, myl_base64_form form, myl_str data)
{
    int variant = variant_of(form);
    size_t room = sodium_base64_encoded_len(data.len, variant); /* with the ending NUL */
    char *text = myl_alloc(cx, room);
    sodium_bin2base64(text, room, myl_crypto_bytes(data), data.len, variant);
    return (myl_str){text, room - 1};
}

bool myl_crypto_unbase64(myl_ctx *cx, myl_base64_form form, myl_str text, myl_str *out)
{
    if (text.len > 0 && text.len % 4 == 0) {
        for (int i = 0; i < 2 && text.at[text.len - 1] == '='; i++)
            text.len--;
    }
    size_t room = text.len / 4 * 3 + 3, len = 0;
    unsigned char *bytes = myl_alloc(cx, room);
    if (sodium_base642bin(bytes, room, text.at == NULL ? "" : text.at, text.len, NULL, &len, NULL,
                          variant_of(form)) != 0)
        return false;
    *out = (myl_str){(const char *)bytes, len};
    return true;
}
