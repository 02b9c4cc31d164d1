/* fuzz_discovery.c: any bytes as a server name, a URL, a .well-known document with its headers, a list of server keys.
 *
 * The first line is the Cache-Control header, the second Expires, the rest the body.
 * Holds:   a name or URL that is read gives pieces that lie within it and whose port is none of 0; a document that is
 *          believed names a server and lasts no longer than two days.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>
#include <stdlib.h>

#include "fed/fed_own.h"
#include "net/net_own.h"

static void demand(bool condition, const char *what)
{
    if (condition)
        return;
    fprintf(stderr, "%s\n", what);
    abort();
}

static void within(myl_str part, myl_str whole)
{
    demand(part.at >= whole.at && part.at + part.len <= whole.at + whole.len, "outside");
}

static void names(myl_str text)
{
    fed_name name;
    net_url url;

    if (myl_fed_name_read(text, &name)) {
        within(name.host, text);
        demand(!name.has_port || name.port > 0, "port 0 of a name");
    }
    if (myl_net_url_read(text, &url)) {
        within(url.host, text);
        within(url.authority, text);
        demand(url.port > 0 && url.target.len > 0 && url.target.at[0] == '/', "port or target");
    }
}

static myl_str line(myl_str *rest)
{
    size_t end = myl_str_find(*rest, '\n', 0);
    myl_str out = myl_str_slice(*rest, 0, end);

    *rest = end == SIZE_MAX ? MYL_S("") : myl_str_slice(*rest, end + 1, SIZE_MAX);
    return out;
}

static void documents(myl_ctx *cx, myl_str text)
{
    fed_well_known_answer answer = {.status = 200};
    fed_well_known read;
    fed_key_list list;
    const myl_json *json;
    fed_name name;

    answer.cache_control = line(&text);
    answer.expires = line(&text);
    answer.body = text;
    myl_fed_well_known_read(cx, &answer, &read);
    demand(!myl_str_present(read.server) || myl_fed_name_read(read.server, &name), "no name");
    demand(read.lasts_ms <= INT64_C(172800000), "too long");
    if (myl_json_parse(cx, text, &json) == MYL_OK)
        demand(!myl_fed_key_list_read(cx, json, MYL_S("a.org"), 0, &list) || list.count > 0,
               "signed by no key");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool begun;
    myl_str text = {(const char *)data, size};
    myl_ctx cx;

    if (!begun)
        myl_crypto_start();
    begun = true;
    myl_ctx_begin(&cx);
    names(text);
    documents(&cx, text);
    myl_ctx_end(&cx);
    return 0;
}
