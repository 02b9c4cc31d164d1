/* listen.h: listening sockets: bound before threads start, accepting on the first loop.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MYELIN_HTTP_LISTEN_OWN_H
#define MYELIN_HTTP_LISTEN_OWN_H

#include "http/http_own.h"

/* MYL_BAD_CONFIG naming address and reason. */
myl_rc myl_http_listen_bind(myl_ctx *cx, http_listener *listener);
/* The listener's certificate, read anew. `out` NULL for plain ones. */
myl_rc myl_http_listen_tls(myl_ctx *cx, const http_listener *listener, http_tls **out);

/* On the first loop: */
void myl_http_listen_start(http_loop *loop);
void myl_http_listen_again(http_loop *loop); /* after descriptors had run out */
void myl_http_listen_stop(http_loop *loop);

#endif
