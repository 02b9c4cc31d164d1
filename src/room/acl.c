/* acl.c: which servers a room lets take part.
 *
 * Callers: api/server before it serves a room, the inbox for every PDU and EDU of a room.
 * Threads: the transaction's.
 * Spec:    Server-Server API, Server Access Control Lists.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <myelin/room_servers.h>

#include "room/room_own.h"

#include <ctype.h>

/* '*' is any run, '?' any one; letters in either case. Iterative: one place to come back to is enough. */
static bool glob_matches(myl_str glob, myl_str text)
{
    size_t g = 0, t = 0, star = SIZE_MAX, from = 0;

    while (t < text.len) {
        if (g < glob.len && glob.at[g] == '*') {
            star = g++;
            from = t;
        } else if (g < glob.len && (glob.at[g] == '?' || tolower((unsigned char)glob.at[g]) ==
                                                             tolower((unsigned char)text.at[t]))) {
            g++;
            t++;
        } else if (star != SIZE_MAX) {
            g = star + 1;
            t = ++from;
        } else {
            return false;
        }
    }
    while (g < glob.len && glob.at[g] == '*')
        g++;
    return g == glob.len;
}

bool myl_room_any_glob(const myl_json *globs, myl_str host)
{
    for (uint32_t i = 0; globs != NULL && i < globs->count; i++)
        if (globs->items[i].kind == MYL_JSON_STRING && glob_matches(globs->items[i].text, host))
            return true;
    return false;
}

/* The name without its port. */
static myl_str host_of(myl_str name)
{
    size_t end = name.len > 0 && name.at[0] == '[' ? myl_str_find(name, ']', 0) : 0;
    size_t colon = myl_str_find(name, ':', end == SIZE_MAX ? 0 : end);

    return colon == SIZE_MAX ? name : myl_str_slice(name, 0, colon);
}

static bool is_address(myl_str host)
{
    if (host.len > 0 && host.at[0] == '[')
        return true;
    for (size_t i = 0; i < host.len; i++)
        if (host.at[i] != '.' && !isdigit((unsigned char)host.at[i]))
            return false;
    return host.len > 0;
}

bool myl_room_acl_judge(const myl_json *acl, myl_str server_name)
{
    myl_str host = host_of(server_name);

    if (is_address(host) && !myl_json_bool(acl, MYL_S("allow_ip_literals"), true))
        return false;
    return !myl_room_any_glob(myl_json_array(acl, MYL_S("deny")), host) &&
           myl_room_any_glob(myl_json_array(acl, MYL_S("allow")), host);
}

static bool is_list_of_text(const myl_json *list)
{
    if (list == NULL)
        return true;
    for (uint32_t i = 0; list->kind == MYL_JSON_ARRAY && i < list->count; i++)
        if (list->items[i].kind != MYL_JSON_STRING)
            return false;
    return list->kind == MYL_JSON_ARRAY;
}

myl_rc myl_room_check_acl(myl_ctx *cx, const myl_event *event)
{
    const myl_json *literals = MYL_JSON_AT(event->content, "allow_ip_literals");

    if (!myl_event_is(event, "m.room.server_acl", MYL_S("")))
        return MYL_OK;
    if (!is_list_of_text(MYL_JSON_AT(event->content, "allow")) ||
        !is_list_of_text(MYL_JSON_AT(event->content, "deny")))
        return myl_fail(cx, MYL_BAD_JSON, "allow, deny: expected lists of server names");
    if (literals != NULL && literals->kind != MYL_JSON_BOOL)
        return myl_fail(cx, MYL_BAD_JSON, "allow_ip_literals: expected true or false");
    if (!myl_room_acl_judge(event->content, myl_room_server()->server_name))
        return myl_fail(cx, MYL_INVALID_PARAM, "allow, deny: this would shut out this server");
    return MYL_OK;
}

myl_rc myl_room_acl_allows(myl_ctx *cx, myl_tree_root state, myl_str server_name, bool *out)
{
    const myl_json *acl;

    MYL_TRY(myl_room_state_content(cx, state, "m.room.server_acl", MYL_S(""), &acl));
    *out = acl == NULL || myl_room_acl_judge(acl, server_name);
    return MYL_OK;
}
