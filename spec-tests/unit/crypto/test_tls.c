/* test_tls.c: contexts from files, refused files, and handshakes in memory.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/base_test.h"

#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <myelin/crypto_tls.h>

static char folder[64], certificate[96], key[96], other_key[96], locked_key[96], empty[96];

static EVP_PKEY *write_key(const char *path, const EVP_CIPHER *cipher)
{
    EVP_PKEY *made = EVP_EC_gen("P-256");
    FILE *file = fopen(path, "w");
    char words[] = "words";
    unsigned char *password = cipher == NULL ? NULL : (unsigned char *)words;
    int len = cipher == NULL ? 0 : 5;
    PEM_write_PrivateKey(file, made, cipher, password, len, NULL, NULL);
    fclose(file);
    return made;
}

static void write_certificate(EVP_PKEY *of)
{
    X509 *made = X509_new();
    X509_NAME *name = X509_get_subject_name(made);
    X509_set_version(made, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(made), 1);
    X509_gmtime_adj(X509_getm_notBefore(made), -3600);
    X509_gmtime_adj(X509_getm_notAfter(made), 3600);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"test", -1, -1, 0);
    X509_set_issuer_name(made, name);
    X509_set_pubkey(made, of);
    X509_sign(made, of, EVP_sha256());
    FILE *file = fopen(certificate, "w");
    PEM_write_X509(file, made);
    fclose(file);
    X509_free(made);
}

static int start(void **state)
{
    MYL_UNUSED(state);
    snprintf(folder, sizeof(folder), "/tmp/myelin-tls-XXXXXX");
    if (mkdtemp(folder) == NULL)
        return 1;
    snprintf(certificate, sizeof(certificate), "%s/tls.crt", folder);
    snprintf(key, sizeof(key), "%s/tls.key", folder);
    snprintf(other_key, sizeof(other_key), "%s/other.key", folder);
    snprintf(locked_key, sizeof(locked_key), "%s/locked.key", folder);
    snprintf(empty, sizeof(empty), "%s/empty", folder);
    EVP_PKEY *mine = write_key(key, NULL);
    write_certificate(mine);
    EVP_PKEY_free(mine);
    EVP_PKEY_free(write_key(other_key, NULL));
    EVP_PKEY_free(write_key(locked_key, EVP_aes_128_cbc()));
    fclose(fopen(empty, "w"));
    return 0;
}

static int stop(void **state)
{
    MYL_UNUSED(state);
    unlink(certificate);
    unlink(key);
    unlink(other_key);
    unlink(locked_key);
    unlink(empty);
    return rmdir(folder);
}

static void refusals(void **state)
{
    MYL_UNUSED(state);
    const struct {
        const char *name, *certificate, *key, *named;
    } cases[] = {
        {"no certificate", "/nowhere.crt", key, "/nowhere.crt: "},
        {"no key", certificate, "/nowhere.key", "/nowhere.key: "},
        {"empty certificate", empty, key, empty},
        {"empty key", certificate, empty, empty},
        {"key in place of the certificate", key, key, key},
        {"another's key", certificate, other_key, other_key},
        {"encrypted key", certificate, locked_key, locked_key},
        {"a folder", folder, key, folder},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        myl_ctx cx;
        myl_ctx_begin(&cx);
        struct ssl_ctx_st *tls = NULL;
        assert_number(cases[i].name,
                      myl_tls_server(&cx, cases[i].certificate, cases[i].key, true, &tls),
                      MYL_BAD_CONFIG);
        assert_null(tls);
        if (!myl_str_starts(cx.error.detail, myl_str_of(cases[i].named)))
            fail_msg("%s: %.*s", cases[i].name, MYL_FMT(cx.error.detail));
        assert_true(cx.error.detail.len > strlen(cases[i].named) + 2);
        myl_ctx_end(&cx);
    }
}

/* Steps of the handshake, the two sides joined by memory; true when both are through. */
static bool shake_hands(SSL *client, SSL *server)
{
    bool done = false;
    for (int i = 0; i < 20 && !done; i++) {
        int client_done = SSL_do_handshake(client), server_done = SSL_do_handshake(server);
        done = client_done == 1 && server_done == 1;
    }
    return done;
}

/* A handshake with a client that offers `protocols` and at most TLS `version`; what was agreed. */
static bool connect_to(struct ssl_ctx_st *tls, const char *protocols, int version, char chosen[16])
{
    SSL_CTX *setup = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_security_level(setup, 0);
    SSL_CTX_set_max_proto_version(setup, version);
    if (protocols != NULL)
        SSL_CTX_set_alpn_protos(setup, (const unsigned char *)protocols,
                                (unsigned)strlen(protocols));
    SSL *client = SSL_new(setup), *server = SSL_new(tls);
    BIO *left, *right;
    assert_int_equal(BIO_new_bio_pair(&left, 0, &right, 0), 1);
    SSL_set_bio(client, left, left);
    SSL_set_bio(server, right, right);
    SSL_set_connect_state(client);
    SSL_set_accept_state(server);
    bool agreed = shake_hands(client, server);
    const unsigned char *name = NULL;
    unsigned len = 0;
    SSL_get0_alpn_selected(client, &name, &len);
    snprintf(chosen, 16, "%.*s", (int)len, name == NULL ? "" : (const char *)name);
    SSL_free(client);
    SSL_free(server);
    SSL_CTX_free(setup);
    return agreed;
}

static void handshakes(void **state)
{
    MYL_UNUSED(state);
    static const struct {
        const char *name, *protocols;
        int version;
        bool h2, agreed;
        const char *chosen;
    } cases[] = {
        {"h2 preferred", "\x08http/1.1\x02h2", TLS1_3_VERSION, true, true, "h2"},
        {"h2 not offered by us", "\x02h2\x08http/1.1", TLS1_3_VERSION, false, true, "http/1.1"},
        {"only http/1.1", "\x08http/1.1", TLS1_3_VERSION, true, true, "http/1.1"},
        {"nothing in common", "\x06spdy/1", TLS1_3_VERSION, true, true, ""},
        {"no ALPN", NULL, TLS1_3_VERSION, true, true, ""},
        {"TLS 1.2", "\x02h2", TLS1_2_VERSION, true, true, "h2"},
        {"TLS 1.1", "\x02h2", TLS1_1_VERSION, true, false, ""},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        myl_ctx cx;
        myl_ctx_begin(&cx);
        struct ssl_ctx_st *tls = NULL;
        char chosen[16];
        assert_int_equal(myl_tls_server(&cx, certificate, key, cases[i].h2, &tls), MYL_OK);
        bool agreed = connect_to(tls, cases[i].protocols, cases[i].version, chosen);
        assert_number(cases[i].name, agreed, cases[i].agreed);
        assert_str(cases[i].name, myl_str_of(chosen), myl_str_of(cases[i].chosen));
        myl_tls_drop(tls);
        myl_ctx_end(&cx);
    }
    myl_tls_drop(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refusals),
        cmocka_unit_test(handshakes),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
