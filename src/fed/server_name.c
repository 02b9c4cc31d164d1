/* server_name.c: a server name cut into host and port.
 *
 * Spec:    Appendices, Server Name.
 * Threads: any.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "fed/fed_own.h"

static bool read_port(myl_str text, uint16_t *out)
{
    int64_t number;

    if (text.len == 0 || text.len > 5 || text.at[0] == '-' || !myl_str_to_int(text, &number) ||
        number < 1 || number > 65535)
        return false;
    *out = (uint16_t)number;
    return true;
}

bool myl_fed_name_read(myl_str text, fed_name *out)
{
    bool brackets = myl_str_starts(text, MYL_S("["));
    myl_address address;

    *out = (fed_name){.six = brackets};
    if (!myl_id_is_server(text))
        return false;
    size_t end = myl_str_find(text, brackets ? ']' : ':', 0);
    end = end == SIZE_MAX ? text.len : end;
    out->host = myl_str_slice(text, brackets, end - brackets);
    out->literal = myl_address_of(out->host, &address);
    if (brackets && (!out->literal || myl_str_find(out->host, ':', 0) == SIZE_MAX))
        return false;
    myl_str rest = myl_str_slice(text, end + brackets, SIZE_MAX);
    out->has_port = rest.len > 0;
    return rest.len == 0 ||
           (rest.at[0] == ':' && read_port(myl_str_slice(rest, 1, SIZE_MAX), &out->port));
}
