/* row.c: fixed rows of tables, written and cut in big-endian.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <myelin/store_kv.h>

static void add_big_endian(myl_text *row, uint64_t value, size_t bytes)
{
    char *at = myl_text_reserve(row, bytes);

    for (size_t i = 0; i < bytes; i++)
        at[i] = (char)(value >> (8 * (bytes - 1 - i)));
}

void myl_row_u8(myl_text *row, uint8_t value)
{
    add_big_endian(row, value, 1);
}

void myl_row_u16(myl_text *row, uint16_t value)
{
    add_big_endian(row, value, 2);
}

void myl_row_u32(myl_text *row, uint32_t value)
{
    add_big_endian(row, value, 4);
}

void myl_row_u64(myl_text *row, uint64_t value)
{
    add_big_endian(row, value, 8);
}

void myl_row_str(myl_text *row, myl_str value)
{
    MYL_ASSERT(value.len <= UINT32_MAX);
    myl_row_u32(row, (uint32_t)value.len);
    myl_text_add(row, value);
}

bool myl_cut_u16(myl_str *bytes, uint16_t *out)
{
    uint8_t high, low;

    if (!myl_cut_u8(bytes, &high) || !myl_cut_u8(bytes, &low))
        return false;
    *out = (uint16_t)((high << 8) | low);
    return true;
}

bool myl_cut_str(myl_str *bytes, myl_str *out)
{
    uint32_t len;

    return myl_cut_u32(bytes, &len) && myl_cut_bytes(bytes, len, out);
}
