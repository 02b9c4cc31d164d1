/* url.c: http and https URLs cut into their pieces, and the ports of tests.
 *
 * Callers: call.c, for what callers and redirects name. Threads: any; the port map is set at start.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "net/net_own.h"

enum { PORT_MAPS = 8 };

static struct {
    uint16_t from, to;
} port_maps[PORT_MAPS];
static size_t port_map_count;

static bool port_of(myl_str text, uint16_t *out)
{
    int64_t number;

    if (text.len == 0 || text.len > 5 || text.at[0] == '-' || !myl_str_to_int(text, &number) ||
        number < 1 || number > 65535)
        return false;
    *out = (uint16_t)number;
    return true;
}

static bool is_clean(myl_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.at[i];
        if (c <= ' ' || c >= 0x7f || c == '\\' || c == '#')
            return false;
    }
    return true;
}

static bool is_host(myl_str host)
{
    for (size_t i = 0; i < host.len; i++) {
        char c = host.at[i];
        if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') &&
            c != '-' && c != '.' && c != '_')
            return false;
    }
    return host.len > 0 && host.len <= 253;
}

static bool read_host(net_url *out, myl_str *rest)
{
    bool brackets = myl_str_starts(out->authority, MYL_S("["));
    size_t end = myl_str_find(out->authority, brackets ? ']' : ':', 0);
    myl_address address;

    if (brackets && end == SIZE_MAX)
        return false;
    end = end == SIZE_MAX ? out->authority.len : end;
    out->host = myl_str_slice(out->authority, brackets, end - brackets);
    *rest = myl_str_slice(out->authority, end + brackets, SIZE_MAX);
    out->literal = myl_address_of(out->host, &address);
    return brackets ? out->literal : is_host(out->host);
}

bool myl_net_url_read(myl_str text, net_url *out)
{
    myl_str port;

    *out = (net_url){.https = myl_str_starts(text, MYL_S("https://"))};
    if (!is_clean(text) || (!out->https && !myl_str_starts(text, MYL_S("http://"))))
        return false;
    myl_str rest = myl_str_slice(text, out->https ? 8 : 7, SIZE_MAX);
    size_t end = 0;
    while (end < rest.len && rest.at[end] != '/' && rest.at[end] != '?')
        end++;
    out->authority = myl_str_slice(rest, 0, end);
    out->target = myl_str_slice(rest, end, SIZE_MAX);
    if (out->target.len == 0)
        out->target = MYL_S("/");
    if (!read_host(out, &port) || out->target.at[0] != '/')
        return false;
    out->port = out->https ? 443 : 80;
    out->has_port = port.len > 0;
    return port.len == 0 ||
           (port.at[0] == ':' && port_of(myl_str_slice(port, 1, SIZE_MAX), &out->port));
}

uint16_t myl_net_port(uint16_t port)
{
    for (size_t i = 0; i < port_map_count; i++) {
        if (port_maps[i].from == port)
            return port_maps[i].to;
    }
    return port;
}

/* "443=20443,8448=20448" */
void myl_net_ports_open(const char *map)
{
    myl_str rest = myl_str_of(map);

    port_map_count = 0;
    while (rest.len > 0 && port_map_count < PORT_MAPS) {
        size_t end = myl_str_find(rest, ',', 0);
        myl_str one = myl_str_slice(rest, 0, end);
        size_t middle = myl_str_find(one, '=', 0);
        uint16_t from, to;
        if (port_of(myl_str_slice(one, 0, middle), &from) && middle != SIZE_MAX &&
            port_of(myl_str_slice(one, middle + 1, SIZE_MAX), &to)) {
            port_maps[port_map_count].from = from;
            port_maps[port_map_count++].to = to;
        }
        rest = end == SIZE_MAX ? MYL_S("") : myl_str_slice(rest, end + 1, SIZE_MAX);
    }
}
