/* header.c: the X-Matrix Authorization header, read and written.
 *
 * Spec:    Server-Server API, Request Authentication; RFC 9110, 11.4 and 5.6.2. Colons may stand in values without
 *          quotes, as older servers write them.
 * Threads: any.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "fed/fed_own.h"

#include <ctype.h>
#include <strings.h>

#include <myelin/matrix_event.h>

static bool is_token(char c)
{
    static const char others[] = "!#$%&'*+-.^_`|~";

    return isalnum((unsigned char)c) || (c != '\0' && strchr(others, c) != NULL);
}

/* Also what older servers write without quotes: colons of ports and key ids, brackets, base64. */
static bool is_value(char c)
{
    return is_token(c) || (c != '\0' && strchr(":[]/=", c) != NULL);
}

static void skip_blanks(myl_str *rest)
{
    while (rest->len > 0 && (rest->at[0] == ' ' || rest->at[0] == '\t'))
        *rest = myl_str_slice(*rest, 1, SIZE_MAX);
}

/* Behind the first quote; *rest moves behind the last one. */
static bool take_quoted(myl_ctx *cx, myl_str *rest, myl_str *out)
{
    myl_text text = myl_text_start(cx, rest->len);
    size_t at = 0;

    for (; at < rest->len && rest->at[at] != '"'; at++) {
        if (rest->at[at] == '\\' && ++at == rest->len)
            return false;
        myl_text_add_byte(&text, rest->at[at]);
    }
    if (at == rest->len)
        return false;
    *rest = myl_str_slice(*rest, at + 1, SIZE_MAX);
    *out = myl_text_str(&text);
    return true;
}

static myl_str take_while(myl_str *rest, bool (*fits)(char c))
{
    size_t len = 0;

    while (len < rest->len && fits(rest->at[len]))
        len++;
    myl_str out = myl_str_slice(*rest, 0, len);
    *rest = myl_str_slice(*rest, len, SIZE_MAX);
    return out;
}

static bool take_pair(myl_ctx *cx, myl_str *rest, myl_str *name, myl_str *value)
{
    *name = take_while(rest, is_token);
    skip_blanks(rest);
    if (name->len == 0 || rest->len == 0 || rest->at[0] != '=')
        return false;
    *rest = myl_str_slice(*rest, 1, SIZE_MAX);
    skip_blanks(rest);
    if (rest->len > 0 && rest->at[0] == '"') {
        *rest = myl_str_slice(*rest, 1, SIZE_MAX);
        return take_quoted(cx, rest, value);
    }
    *value = take_while(rest, is_value);
    return value->len > 0;
}

/* A name that comes twice makes the header ambiguous. */
static bool set_pair(myl_fed_credentials *out, myl_str name, myl_str value)
{
    static const char *const names[] = {"origin", "destination", "key", "sig", "signature"};
    myl_str *const places[] = {&out->origin, &out->destination, &out->key, &out->signature,
                               &out->signature};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (name.len != strlen(names[i]) || strncasecmp(name.at, names[i], name.len) != 0)
            continue;
        if (myl_str_present(*places[i]))
            return false;
        *places[i] = value;
    }
    return true;
}

bool myl_fed_header_read(myl_ctx *cx, myl_str header, myl_fed_credentials *out)
{
    static const char scheme[] = "X-Matrix";
    size_t len = sizeof(scheme) - 1;
    myl_str rest = myl_str_slice(header, len, SIZE_MAX), name, value;

    *out = (myl_fed_credentials){.origin = MYL_ABSENT};
    if (header.len <= len || header.len > MYL_LIMIT_FED_HEADER_BYTES ||
        strncasecmp(header.at, scheme, len) != 0 || (rest.at[0] != ' ' && rest.at[0] != '\t'))
        return false;
    for (;;) {
        skip_blanks(&rest);
        if (rest.len == 0)
            break;
        if (rest.at[0] != ',') {
            if (!take_pair(cx, &rest, &name, &value) || !set_pair(out, name, value))
                return false;
            skip_blanks(&rest);
        }
        if (rest.len > 0 && rest.at[0] != ',')
            return false;
        rest = myl_str_slice(rest, 1, SIZE_MAX);
    }
    return myl_str_present(out->origin) && myl_str_present(out->key) &&
           myl_str_present(out->signature);
}

/* ---- what is signed ---- */

static void add_member(myl_text *text, const char *name, myl_str value)
{
    myl_text_addf(text, "%s\"%s\":", text->len > 1 ? "," : "", name);
    myl_json_write_str(text, value);
}

myl_str myl_fed_signed_text(myl_ctx *cx, const fed_signed_parts *parts)
{
    myl_text text = myl_text_start(cx, parts->content.len + 512);

    myl_text_add_byte(&text, '{');
    if (myl_str_present(parts->content)) {
        myl_text_add(&text, MYL_S("\"content\":"));
        myl_text_add(&text, parts->content);
    }
    if (myl_str_present(parts->destination))
        add_member(&text, "destination", parts->destination);
    add_member(&text, "method", myl_str_of(parts->method));
    add_member(&text, "origin", parts->origin);
    add_member(&text, "uri", parts->uri);
    myl_text_add_byte(&text, '}');
    return myl_text_str(&text);
}

myl_str myl_fed_header_write(myl_ctx *cx, const myl_fed_request *request, myl_str body)
{
    const myl_signing_key *key = myl_fed_server()->key;
    fed_signed_parts parts = {.content = body,
                              .destination = request->destination,
                              .method = request->method,
                              .origin = myl_fed_server()->config->server_name,
                              .uri = request->path};
    myl_signature signature = myl_crypto_sign(key, myl_fed_signed_text(cx, &parts));
    myl_str base64 =
        myl_crypto_base64(cx, MYL_BASE64_STANDARD,
                          (myl_str){(const char *)signature.bytes, sizeof(signature.bytes)});

    return myl_strf(cx, "X-Matrix origin=\"%.*s\",destination=\"%.*s\",key=\"%.*s\",sig=\"%.*s\"",
                    MYL_FMT(parts.origin), MYL_FMT(parts.destination),
                    MYL_FMT(myl_signing_key_id(key)), MYL_FMT(base64));
}
