/* tls.c: TLS contexts for listeners.
 *
 * Callers: http/ at start and at each reload. Threads: any.
 * Memory:  a context is counted by OpenSSL; connections hold their own reference.
 * Holds:   only TLS 1.2 and newer; of 1.2 only suites with forward secrecy and AEAD, as HTTP/2
 *          asks.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <myelin/crypto_tls.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

/* Protocol names as ALPN has them: each behind its length. The first that the client knows wins. */
static const unsigned char with_h2[] = "\x02h2\x08http/1.1";
static const unsigned char without_h2[] = "\x08http/1.1";

static int choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                           const unsigned char *offered, unsigned offered_len, void *h2)
{
    MYL_UNUSED(ssl);
    const unsigned char *known = h2 != NULL ? with_h2 : without_h2;
    unsigned known_len = (unsigned)(h2 != NULL ? sizeof(with_h2) : sizeof(without_h2)) - 1;
    unsigned char *chosen;
    if (SSL_select_next_proto(&chosen, out_len, known, known_len, offered, offered_len) !=
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_NOACK;
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

/* Encrypted keys are refused: nobody is there to be asked for the words. */
static int no_password(char *buffer, int size, int writing, void *arg)
{
    MYL_UNUSED(buffer);
    MYL_UNUSED(size);
    MYL_UNUSED(writing);
    MYL_UNUSED(arg);
    return -1;
}

static myl_rc refuse(myl_ctx *cx, const char *file)
{
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());
    myl_rc rc =
        myl_fail(cx, MYL_BAD_CONFIG, "%s: %s", file, reason == NULL ? "cannot be used" : reason);
    ERR_clear_error();
    return rc;
}

static void set_protocols(SSL_CTX *tls, bool h2)
{
    static char yes;
    MYL_ASSERT(SSL_CTX_set_min_proto_version(tls, TLS1_2_VERSION) == 1);
    MYL_ASSERT(SSL_CTX_set_cipher_list(tls, "ECDHE+AESGCM:ECDHE+CHACHA20") == 1);
    SSL_CTX_set_options(tls, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
    SSL_CTX_set_mode(tls, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_default_passwd_cb(tls, no_password);
    SSL_CTX_set_alpn_select_cb(tls, choose_protocol, h2 ? &yes : NULL);
}

static myl_rc set_files(myl_ctx *cx, SSL_CTX *tls, const char *certificate_chain,
                        const char *private_key)
{
    ERR_clear_error();
    if (SSL_CTX_use_certificate_chain_file(tls, certificate_chain) != 1)
        return refuse(cx, certificate_chain);
    if (SSL_CTX_use_PrivateKey_file(tls, private_key, SSL_FILETYPE_PEM) != 1)
        return refuse(cx, private_key);
    if (SSL_CTX_check_private_key(tls) != 1)
        return refuse(cx, private_key);
    return MYL_OK;
}

myl_rc myl_tls_server(myl_ctx *cx, const char *certificate_chain, const char *private_key, bool h2,
                      struct ssl_ctx_st **out)
{
    SSL_CTX *tls = SSL_CTX_new(TLS_server_method());
    if (tls == NULL)
        return refuse(cx, certificate_chain);
    set_protocols(tls, h2);
    myl_rc rc = set_files(cx, tls, certificate_chain, private_key);
    if (rc != MYL_OK)
        SSL_CTX_free(tls);
    else
        *out = tls;
    return rc;
}

void myl_tls_drop(struct ssl_ctx_st *tls)
{
    SSL_CTX_free(tls);
}
