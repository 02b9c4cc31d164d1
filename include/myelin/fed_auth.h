/* fed_auth.h: who signed a request: the X-Matrix scheme.
 *
 * Spec: Server-Server API, Request Authentication.
 * Threads: myl_fed_auth_known on any but a loop; myl_fed_auth_fetched on lanes, it waits.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MYELIN_FED_AUTH_H
#define MYELIN_FED_AUTH_H

#include <myelin/fed_keys.h>

/* One parsed header. Texts borrow from the header or live in the job. */
typedef struct {
    myl_str origin, destination, key, signature; /* destination may be absent */
} myl_fed_credentials;
/* False when it is no X-Matrix header, or has no origin, key or signature. */
bool myl_fed_header_read(myl_ctx *cx, myl_str header, myl_fed_credentials *out);

typedef struct {
    const char *method;
    myl_str target;       /* path and query as sent */
    myl_str header;       /* the Authorization header; several are split by line feeds */
    const myl_json *body; /* NULL: none */
} myl_fed_signed;
/* The server whose signature holds. MYL_UNAUTHORIZED with the reason; MYL_FORBIDDEN for a refused server; MYL_MISSING
 * when its key is not known here (or no longer good) and must be fetched first: then myl_fed_auth_fetched. */
myl_rc myl_fed_auth_known(myl_ctx *cx, const myl_fed_signed *request, myl_str *origin);
myl_rc myl_fed_auth_fetched(myl_ctx *cx, const myl_fed_signed *request, myl_str *origin);

/* The header's value for a request of ours. `body` is canonical JSON or absent. */
myl_str myl_fed_header_write(myl_ctx *cx, const myl_fed_request *request, myl_str body);

/* Called on some thread for every request whose signature held: outbox/ forgets that server's back-off. Set at start. */
void myl_fed_on_heard(void (*fn)(myl_str server_name));

#endif
