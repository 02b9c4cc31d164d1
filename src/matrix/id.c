/* id.c: the grammar of identifiers.
 *
 * Callers: decoders of requests and events, the auth rules.
 * Threads: any; nothing is kept.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <myelin/matrix_id.h>

#include <myelin/base_limit.h>

#define PORT_DIGITS 5
#define IPV6_CHARACTERS 45
#define HASH_CHARACTERS 43 /* 32 bytes in unpadded base64 */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_dns(char c)
{
    return is_digit(c) || is_letter(c) || c == '-' || c == '.';
}

static bool is_ipv6(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') || c == ':' || c == '.';
}

static bool is_standard(char c)
{
    return is_digit(c) || is_letter(c) || c == '+' || c == '/';
}

static bool is_url_safe(char c)
{
    return is_digit(c) || is_letter(c) || c == '-' || c == '_';
}

/* Length of the start of s that fits. */
static size_t span(myl_str s, bool (*fits)(char))
{
    size_t len = 0;
    while (len < s.len && fits(s.at[len]))
        len++;
    return len;
}

static bool is_port(myl_str s)
{
    return s.len >= 1 && s.len <= PORT_DIGITS && span(s, is_digit) == s.len;
}

static bool is_unreserved(char c)
{
    return is_url_safe(c) || c == '.' || c == '~';
}

bool myl_id_is_opaque(myl_str id)
{
    return id.len > 0 && id.len <= MYL_LIMIT_ID_BYTES && span(id, is_unreserved) == id.len;
}

bool myl_id_is_server(myl_str name)
{
    size_t host;
    if (name.len > 0 && name.at[0] == '[') {
        size_t inside = span(myl_str_slice(name, 1, name.len), is_ipv6);
        host = inside + 2;
        if (inside < 2 || inside > IPV6_CHARACTERS || host > name.len || name.at[host - 1] != ']')
            return false;
    } else {
        host = span(name, is_dns);
        if (host < 1 || host > MYL_LIMIT_ID_BYTES)
            return false;
    }
    if (host == name.len)
        return true;
    return name.at[host] == ':' && is_port(myl_str_slice(name, host + 1, name.len));
}

/* Sigil, any local part without NUL of at least `least` bytes, ':' and a server name. */
static bool has_domain(myl_str id, char sigil, size_t least)
{
    if (id.len < 2 || id.len > MYL_LIMIT_ID_BYTES || id.at[0] != sigil)
        return false;
    myl_str local = myl_id_localpart(id);
    return local.at != NULL && local.len >= least && memchr(local.at, '\0', local.len) == NULL &&
           myl_str_is_utf8(local) && myl_id_is_server(myl_id_domain(id));
}

/* Sigil and a hash in this alphabet. */
static bool is_hash(myl_str id, char sigil, bool (*alphabet)(char))
{
    return id.len == HASH_CHARACTERS + 1 && id.at[0] == sigil &&
           span(myl_str_slice(id, 1, id.len), alphabet) == HASH_CHARACTERS;
}

bool myl_id_is_user(myl_str id)
{
    return has_domain(id, '@', 0);
}

static bool is_new_local(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c != '\0' && strchr("._=-/+", c) != NULL);
}

bool myl_id_is_new_localpart(myl_str localpart, myl_str server_name)
{
    return localpart.len > 0 && span(localpart, is_new_local) == localpart.len &&
           localpart.len + server_name.len + 2 <= MYL_LIMIT_ID_BYTES;
}

bool myl_id_is_room(myl_str id)
{
    return has_domain(id, '!', 1) || is_hash(id, '!', is_url_safe);
}

bool myl_id_is_alias(myl_str id)
{
    return has_domain(id, '#', 1);
}

bool myl_id_is_event(myl_str id)
{
    return has_domain(id, '$', 1) || is_hash(id, '$', is_url_safe) || is_hash(id, '$', is_standard);
}

myl_str myl_id_domain(myl_str id)
{
    size_t colon = myl_str_find(id, ':', 0);
    return colon == SIZE_MAX ? MYL_ABSENT : myl_str_slice(id, colon + 1, id.len);
}

myl_str myl_id_localpart(myl_str id)
{
    size_t colon = myl_str_find(id, ':', 0);
    return colon == SIZE_MAX || colon == 0 ? MYL_ABSENT : myl_str_slice(id, 1, colon - 1);
}

myl_str myl_id_state_owner(myl_str state_key, bool suffixes)
{
    size_t colon = myl_str_find(state_key, ':', 0), end;

    if (!myl_str_starts(state_key, MYL_S("@")))
        return MYL_ABSENT;
    end = suffixes && colon != SIZE_MAX ? myl_str_find(state_key, '_', colon) : SIZE_MAX;
    return end == SIZE_MAX ? state_key : myl_str_slice(state_key, 0, end);
}

bool myl_id_is_ours(myl_str id, myl_str server_name)
{
    myl_str domain = myl_id_domain(id);
    return myl_str_present(domain) && myl_str_equal(domain, server_name);
}

/* May the byte stand in such a name; at its beginning only letters may. */
static bool is_name_byte(char c, bool begins)
{
    if (c >= 'a' && c <= 'z')
        return true;
    return !begins && ((c >= '0' && c <= '9') || c == '_' || c == '-');
}

bool myl_id_is_namespaced(myl_str id)
{
    bool begins = true, dotted = false;

    if (id.len > MYL_LIMIT_ID_BYTES)
        return false;
    for (size_t i = 0; i < id.len; i++) {
        bool dot = id.at[i] == '.' && !begins;

        if (!dot && !is_name_byte(id.at[i], begins))
            return false;
        dotted = dotted || dot;
        begins = dot;
    }
    return dotted && !begins;
}
