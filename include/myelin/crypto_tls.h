/* crypto_tls.h: TLS set-up for listeners.
 *
 * TLS 1.2 and newer, ALPN h2 then http/1.1. The context is OpenSSL's SSL_CTX, shared by reference
 * count, so that a reload swaps it while old connections keep theirs. Threads: make on any, read on
 * any.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MYELIN_CRYPTO_TLS_H
#define MYELIN_CRYPTO_TLS_H

#include <myelin/base_ctx.h>

struct ssl_ctx_st; /* OpenSSL's */

/* MYL_BAD_CONFIG naming the file and OpenSSL's reason. `h2`: offer HTTP/2. */
myl_rc myl_tls_server(myl_ctx *cx, const char *certificate_chain, const char *private_key, bool h2,
                      struct ssl_ctx_st **out);
void myl_tls_drop(struct ssl_ctx_st *tls);

#endif
