/* signing_key.c: the server's signing key and its file.
 *
 * Why:     who has the seed can speak as the server; so the file must be its owner's alone, and the
 *          key lies in guarded memory that is wiped at the end.
 * Callers: main at start, --generate commands, tests.
 * Memory:  process lifetime; what was read from the file is wiped before return.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "crypto_own.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sodium.h>

#define FILE_BYTES 256 /* a good file has less */
#define SEED_BYTES crypto_sign_SEEDBYTES

static bool is_version(myl_str version)
{
    if (version.len == 0 || version.len >= KEY_VERSION_BYTES)
        return false;
    for (size_t i = 0; i < version.len; i++) {
        char c = version.at[i];
        if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') &&
            c != '_')
            return false;
    }
    return true;
}

myl_signing_key *myl_signing_key_of_seed(const uint8_t seed[32], const char *version)
{
    myl_str name = myl_str_of(version);
    MYL_ASSERT(is_version(name));
    myl_crypto_start();
    myl_signing_key *key = sodium_malloc(sizeof(*key));
    MYL_ASSERT(key != NULL);
    sodium_memzero(key, sizeof(*key));
    crypto_sign_seed_keypair(key->public, key->secret, seed);
    memcpy(key->id, "ed25519:", 8);
    memcpy(key->id + 8, name.at, name.len);
    return key;
}

void myl_signing_key_end(myl_signing_key *key)
{
    sodium_free(key); /* wipes */
}

myl_str myl_signing_key_id(const myl_signing_key *key)
{
    return myl_str_of(key->id);
}

const uint8_t *myl_signing_key_public(const myl_signing_key *key)
{
    return key->public;
}

/* --- the file --------------------------------------------------------------------------------- */

/* The word at *from, which then stands behind the blank after it. */
static myl_str next_word(myl_str line, size_t *from)
{
    size_t blank = myl_str_find(line, ' ', *from);
    size_t end = blank == SIZE_MAX ? line.len : blank;
    myl_str word = myl_str_slice(line, *from, end - *from);
    *from = end + 1;
    return word;
}

/* "ed25519 <version> <seed>", one newline at the end allowed. NULL: not so. */
static myl_signing_key *key_of_line(myl_str line)
{
    if (myl_str_ends(line, MYL_S("\n")))
        line.len--;
    size_t from = 0;
    myl_str algorithm = next_word(line, &from);
    myl_str version = next_word(line, &from);
    myl_str seed_text = myl_str_slice(line, from, SIZE_MAX);
    char name[KEY_VERSION_BYTES] = {0};
    uint8_t seed[FILE_BYTES];
    size_t len = 0;
    if (!myl_str_equal(algorithm, MYL_S("ed25519")) || !is_version(version))
        return NULL;
    bool decoded = myl_crypto_base64_decode(MYL_BASE64_STANDARD, seed_text, seed, &len);
    if (!decoded || len != SEED_BYTES) {
        sodium_memzero(seed, sizeof(seed));
        return NULL;
    }
    memcpy(name, version.at, version.len);
    myl_signing_key *key = myl_signing_key_of_seed(seed, name);
    sodium_memzero(seed, sizeof(seed));
    return key;
}

static myl_rc read_key(myl_ctx *cx, const char *path, int fd, myl_signing_key **out)
{
    struct stat about;
    if (fstat(fd, &about) != 0)
        return myl_fail(cx, MYL_IO_FAILED, "%s: %s", path, strerror(errno));
    if (!S_ISREG(about.st_mode))
        return myl_fail(cx, MYL_BAD_CONFIG, "%s: not a file", path);
    if ((about.st_mode & 077) != 0)
        return myl_fail(cx, MYL_BAD_CONFIG,
                        "%s: others may read or write it (mode %03o), expected 0600", path,
                        (unsigned)(about.st_mode & 0777));
    char line[FILE_BYTES];
    ssize_t len = read(fd, line, sizeof(line));
    if (len < 0)
        return myl_fail(cx, MYL_IO_FAILED, "%s: %s", path, strerror(errno));
    *out = len == sizeof(line) ? NULL : key_of_line((myl_str){line, (size_t)len});
    sodium_memzero(line, sizeof(line));
    if (*out == NULL)
        return myl_fail(cx, MYL_BAD_CONFIG, "%s: expected one line \"ed25519 <version> <seed>\"",
                        path);
    return MYL_OK;
}

myl_rc myl_signing_key_load(myl_ctx *cx, const char *path, myl_signing_key **out)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return myl_fail(cx, MYL_IO_FAILED, "%s: %s", path, strerror(errno));
    myl_rc rc = read_key(cx, path, fd, out);
    close(fd);
    return rc;
}

/* A line for a new random key; its length. */
static size_t make_line(myl_ctx *cx, char line[FILE_BYTES])
{
    uint8_t seed[SEED_BYTES];
    randombytes_buf(seed, sizeof(seed));
    memcpy(line, "ed25519 a_", 10);
    memcpy(line + 10, myl_crypto_random_text(cx, 4).at, 4);
    line[14] = ' ';
    sodium_bin2base64(line + 15, FILE_BYTES - 15, seed, sizeof(seed),
                      sodium_base64_VARIANT_ORIGINAL_NO_PADDING);
    sodium_memzero(seed, sizeof(seed));
    size_t len = strlen(line);
    line[len] = '\n';
    return len + 1;
}

myl_rc myl_signing_key_create(myl_ctx *cx, const char *path)
{
    myl_crypto_start();
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return myl_fail(cx, MYL_IO_FAILED, "%s: %s", path, strerror(errno));
    char line[FILE_BYTES];
    size_t len = make_line(cx, line);
    ssize_t written = write(fd, line, len);
    sodium_memzero(line, sizeof(line));
    bool kept = written == (ssize_t)len && fsync(fd) == 0;
    int reason = errno;
    close(fd);
    if (kept)
        return MYL_OK;
    (void)unlink(path); /* a cut-off key would stand in the way of the next try */
    return myl_fail(cx, MYL_IO_FAILED, "%s: %s", path, strerror(reason));
}
