/* test_sign.c: hashes, random bytes, signatures, key files.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/base_test.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <myelin/crypto_sign.h>
#include <myelin/json_value.h>

static char folder[64];

static int start(void **state)
{
    MYL_UNUSED(state);
    snprintf(folder, sizeof(folder), "/tmp/myelin-keys-XXXXXX");
    return mkdtemp(folder) == NULL;
}

static int stop(void **state)
{
    MYL_UNUSED(state);
    return rmdir(folder);
}

/* A file in the folder; NULL content: none is written. */
static char *file_of(myl_ctx *cx, const char *name, const char *content, mode_t mode)
{
    char *path = myl_cstr(cx, myl_strf(cx, "%s/%s", folder, name));
    if (content != NULL) {
        int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
        assert_true(fd >= 0);
        assert_int_equal(write(fd, content, strlen(content)), strlen(content));
        close(fd);
        assert_int_equal(chmod(path, mode), 0);
    }
    return path;
}

static myl_str hex_of(myl_ctx *cx, const uint8_t *bytes, size_t len)
{
    myl_text text = MYL_TEXT(cx);
    for (size_t i = 0; i < len; i++)
        myl_text_addf(&text, "%02x", bytes[i]);
    return myl_text_str(&text);
}

static void hashes(void **state)
{
    MYL_UNUSED(state);
    static const struct {
        myl_str data;
        const char *hex;
    } cases[] = {
        {MYL_S_INIT(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {MYL_S_INIT("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
    };
    myl_ctx cx;
    myl_ctx_begin(&cx);
    for (int started = 0; started < 2; started++) { /* the same also before the start */
        for (size_t i = 0; i < 2; i++) {
            myl_sha256 hash = myl_crypto_sha256(cases[i].data);
            assert_str(cases[i].hex, hex_of(&cx, hash.bytes, 32), myl_str_of(cases[i].hex));
        }
        myl_crypto_start();
    }
    myl_sha256 absent = myl_crypto_sha256(MYL_ABSENT);
    assert_str("absent", hex_of(&cx, absent.bytes, 32), myl_str_of(cases[0].hex));
    myl_ctx_end(&cx);
}

static void constant_time_compare(void **state)
{
    MYL_UNUSED(state);
    assert_true(myl_crypto_equal(MYL_S("secret"), MYL_S("secret")));
    assert_false(myl_crypto_equal(MYL_S("secret"), MYL_S("secreT")));
    assert_false(myl_crypto_equal(MYL_S("secret"), MYL_S("secre")));
    assert_true(myl_crypto_equal(MYL_S(""), MYL_ABSENT));
}

static void random_text(void **state)
{
    MYL_UNUSED(state);
    myl_ctx cx;
    myl_ctx_begin(&cx);
    size_t seen[256] = {0}, different = 0;
    myl_str text = myl_crypto_random_text(&cx, 20000);
    assert_int_equal(text.len, 20000);
    for (size_t i = 0; i < text.len; i++)
        seen[(uint8_t)text.at[i]]++;
    for (size_t i = 0; i < 256; i++) {
        bool sign = (i >= '0' && i <= '9') || (i >= 'A' && i <= 'Z') || (i >= 'a' && i <= 'z');
        assert_true(sign || seen[i] == 0);
        assert_true(!sign || (seen[i] > 200 && seen[i] < 460)); /* 323 expected, 18 deviation */
        different += seen[i] > 0;
    }
    assert_int_equal(different, 62);
    assert_false(myl_str_equal(myl_crypto_random_text(&cx, 20), myl_crypto_random_text(&cx, 20)));
    assert_int_equal(myl_crypto_random_text(&cx, 0).len, 0);
    assert_true(myl_crypto_random_u64() != myl_crypto_random_u64());
    myl_ctx_end(&cx);
}

static const myl_json *vectors(myl_ctx *cx)
{
    FILE *file = fopen("spec-tests/vectors/json_signing.json", "r");
    assert_non_null(file);
    char *bytes = myl_alloc(cx, 16384);
    size_t len = fread(bytes, 1, 16384, file);
    fclose(file);
    const myl_json *tree = NULL;
    assert_int_equal(myl_json_parse(cx, (myl_str){bytes, len}, &tree), MYL_OK);
    return tree;
}

static void signing_vectors(void **state)
{
    MYL_UNUSED(state);
    myl_ctx cx;
    myl_ctx_begin(&cx);
    const myl_json *all = vectors(&cx);
    myl_str seed;
    assert_true(
        myl_crypto_unbase64(&cx, MYL_BASE64_STANDARD, myl_json_text(all, MYL_S("seed")), &seed));
    assert_int_equal(seed.len, 32);
    myl_signing_key *key = myl_signing_key_of_seed((const uint8_t *)seed.at, "1");
    assert_str("id", myl_signing_key_id(key), myl_json_text(all, MYL_S("key")));
    const myl_json *cases = myl_json_array(all, MYL_S("cases"));
    assert_int_equal(cases->count, 2);
    for (size_t i = 0; i < cases->count; i++) {
        char *name = myl_cstr(&cx, myl_json_text(&cases->items[i], MYL_S("name")));
        myl_str message = myl_json_text(&cases->items[i], MYL_S("message"));
        myl_signature signature = myl_crypto_sign(key, message);
        myl_str bytes = {(const char *)signature.bytes, sizeof(signature.bytes)};
        assert_str(name, myl_crypto_base64(&cx, MYL_BASE64_STANDARD, bytes),
                   myl_json_text(&cases->items[i], MYL_S("signature")));
    }
    myl_signing_key_end(key);
    myl_ctx_end(&cx);
}

static void verifying(void **state)
{
    MYL_UNUSED(state);
    static const uint8_t seed[32] = {1, 2, 3};
    myl_signing_key *key = myl_signing_key_of_seed(seed, "a_B9");
    assert_str("id", myl_signing_key_id(key), MYL_S("ed25519:a_B9"));
    myl_str public = {(const char *)myl_signing_key_public(key), 32};
    myl_signature made = myl_crypto_sign(key, MYL_S("message"));
    myl_str signature = {(const char *)made.bytes, 64};
    assert_true(myl_crypto_verify(public, MYL_S("message"), signature));
    assert_false(myl_crypto_verify(public, MYL_S("massage"), signature));
    assert_false(myl_crypto_verify(public, MYL_S(""), signature));
    assert_false(myl_crypto_verify(myl_str_slice(public, 0, 31), MYL_S("message"), signature));
    assert_false(myl_crypto_verify(public, MYL_S("message"), myl_str_slice(signature, 0, 63)));
    assert_false(myl_crypto_verify(MYL_ABSENT, MYL_S("message"), MYL_ABSENT));
    for (size_t i = 0; i < 64; i++) {
        made.bytes[i] ^= 1;
        assert_false(myl_crypto_verify(public, MYL_S("message"), signature));
        made.bytes[i] ^= 1;
    }
    myl_signing_key_end(key);
}

static void digests(void **state)
{
    MYL_UNUSED(state);
    static const uint8_t one[32] = {1}, two[32] = {2};
    myl_digest a = myl_crypto_digest(one, MYL_S("x")), b = myl_crypto_digest(one, MYL_S("x"));
    assert_memory_equal(&a, &b, sizeof(a));
    b = myl_crypto_digest(two, MYL_S("x"));
    assert_memory_not_equal(&a, &b, sizeof(a));
    b = myl_crypto_digest(one, MYL_S("y"));
    assert_memory_not_equal(&a, &b, sizeof(a));
}

static void key_file(void **state)
{
    MYL_UNUSED(state);
    myl_ctx cx;
    myl_ctx_begin(&cx);
    char *path = file_of(&cx, "new.key", NULL, 0);
    assert_int_equal(myl_signing_key_create(&cx, path), MYL_OK);
    struct stat about;
    assert_int_equal(stat(path, &about), 0);
    assert_int_equal(about.st_mode & 0777, 0600);
    myl_signing_key *key = NULL, *again = NULL;
    assert_int_equal(myl_signing_key_load(&cx, path, &key), MYL_OK);
    assert_int_equal(myl_signing_key_load(&cx, path, &again), MYL_OK);
    assert_true(myl_str_starts(myl_signing_key_id(key), MYL_S("ed25519:a_")));
    assert_int_equal(myl_signing_key_id(key).len, 14);
    assert_str("same id", myl_signing_key_id(key), myl_signing_key_id(again));
    assert_memory_equal(myl_signing_key_public(key), myl_signing_key_public(again), 32);
    myl_signing_key_end(key);
    myl_signing_key_end(again);
    assert_int_equal(myl_signing_key_create(&cx, path), MYL_IO_FAILED); /* never over a file */
    unlink(path);
    myl_ctx_end(&cx);
}

#define SEED "YJDBA9Xnr2sVqXD9Vj7XVUnmFZcZrlw8Md7kMW+3XA1"

static void key_file_refusals(void **state)
{
    MYL_UNUSED(state);
    static const struct {
        const char *name, *content;
        mode_t mode;
        myl_rc rc;
    } cases[] = {
        {"good", "ed25519 1 " SEED "\n", 0600, MYL_OK},
        {"good without newline", "ed25519 1 " SEED, 0400, MYL_OK},
        {"readable by the group", "ed25519 1 " SEED "\n", 0640, MYL_BAD_CONFIG},
        {"readable by all", "ed25519 1 " SEED "\n", 0604, MYL_BAD_CONFIG},
        {"not there", NULL, 0, MYL_IO_FAILED},
        {"empty", "", 0600, MYL_BAD_CONFIG},
        {"other algorithm", "curve25519 1 " SEED "\n", 0600, MYL_BAD_CONFIG},
        {"no version", "ed25519 " SEED "\n", 0600, MYL_BAD_CONFIG},
        {"bad version", "ed25519 a:b " SEED "\n", 0600, MYL_BAD_CONFIG},
        {"short seed", "ed25519 1 YJDBA9Xnr2sVqXD9Vj7XVUnmFZcZrlw8Md7k\n", 0600, MYL_BAD_CONFIG},
        {"long seed", "ed25519 1 " SEED "AAAA\n", 0600, MYL_BAD_CONFIG},
        {"two lines", "ed25519 1 " SEED "\ned25519 2 " SEED "\n", 0600, MYL_BAD_CONFIG},
        {"three blanks", "ed25519 1  " SEED "\n", 0600, MYL_BAD_CONFIG},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        myl_ctx cx;
        myl_ctx_begin(&cx);
        char *path = file_of(&cx, "some.key", cases[i].content, cases[i].mode);
        myl_signing_key *key = NULL;
        assert_number(cases[i].name, myl_signing_key_load(&cx, path, &key), cases[i].rc);
        if (cases[i].rc != MYL_OK)
            assert_true(myl_str_starts(cx.error.detail, myl_str_of(path)));
        assert_null(strstr(myl_cstr(&cx, myl_strf(&cx, "%.*s", MYL_FMT(cx.error.detail))), SEED));
        myl_signing_key_end(key);
        unlink(path);
        myl_ctx_end(&cx);
    }
    myl_ctx cx;
    myl_ctx_begin(&cx);
    myl_signing_key *key = NULL;
    assert_int_equal(myl_signing_key_load(&cx, folder, &key), MYL_BAD_CONFIG);
    assert_int_equal(myl_signing_key_create(&cx, "/nowhere/at/all"), MYL_IO_FAILED);
    myl_ctx_end(&cx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hashes),      cmocka_unit_test(constant_time_compare),
        cmocka_unit_test(random_text), cmocka_unit_test(signing_vectors),
        cmocka_unit_test(verifying),   cmocka_unit_test(digests),
        cmocka_unit_test(key_file),    cmocka_unit_test(key_file_refusals),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
