/* matrix_test.c: events and keys for the tests of matrix/.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "matrix/matrix_test.h"

#include <stdio.h>

const myl_json *matrix_test_parse(myl_ctx *cx, myl_str text)
{
    const myl_json *tree = NULL;
    if (myl_json_parse(cx, text, &tree) != MYL_OK)
        fail_msg("%.*s: %.*s", MYL_FMT(text), MYL_FMT(cx->error.detail));
    return tree;
}

myl_str matrix_test_text(myl_ctx *cx, const myl_json *tree)
{
    myl_text text = MYL_TEXT(cx);
    myl_json_write(&text, tree);
    return myl_text_str(&text);
}

const myl_json *matrix_test_vectors(myl_ctx *cx, const char *name)
{
    FILE *file = fopen(myl_cstr(cx, myl_strf(cx, "spec-tests/vectors/%s", name)), "r");
    assert_non_null(file);
    myl_text text = MYL_TEXT(cx);
    for (int byte; (byte = fgetc(file)) != EOF;)
        myl_text_add_byte(&text, (char)byte);
    fclose(file);
    return matrix_test_parse(cx, myl_text_str(&text));
}

const myl_room_version *matrix_test_version(const char *name)
{
    const myl_room_version *version = myl_room_version_find(myl_str_of(name));
    assert_non_null(version);
    return version;
}

myl_signing_key *matrix_test_key(void)
{
    myl_ctx cx;
    myl_ctx_begin(&cx);
    myl_str seed;
    myl_crypto_start();
    assert_true(myl_crypto_unbase64(&cx, MYL_BASE64_STANDARD,
                                    MYL_S("YJDBA9Xnr2sVqXD9Vj7XVUnmFZcZrlw8Md7kMW+3XA1"), &seed));
    myl_signing_key *key = myl_signing_key_of_seed((const uint8_t *)seed.at, "1");
    myl_ctx_end(&cx);
    return key;
}

myl_str matrix_test_public(const myl_signing_key *key)
{
    return (myl_str){(const char *)myl_signing_key_public(key), 32};
}

const myl_json *matrix_test_event(myl_ctx *cx, const char *version, const char *member,
                                  const char *value)
{
    bool pairs = matrix_test_version(version)->pair_references;
    bool named = matrix_test_version(version)->event_id == MYL_EVENT_ID_GIVEN;
    const myl_json *event = matrix_test_parse(
        cx, myl_strf(cx,
                     "{\"auth_events\":[%s],\"content\":{\"body\":\"x\"},\"depth\":5,%s"
                     "\"origin_server_ts\":1000,\"prev_events\":[],\"room_id\":\"!r:one\","
                     "\"sender\":\"@u:one\",\"type\":\"m.room.message\"}",
                     pairs ? "[\"$a:one\",{\"sha256\":\"x\"}]" : "\"$a\"",
                     named ? "\"event_id\":\"$e:one\"," : ""));
    if (member == NULL)
        return event;
    if (value == NULL)
        return myl_json_without(cx, event, myl_str_of(member));
    return myl_json_with(cx, event, myl_str_of(member), matrix_test_parse(cx, myl_str_of(value)));
}
