/* rates.h: token buckets of users and addresses.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MYELIN_HTTP_RATES_OWN_H
#define MYELIN_HTTP_RATES_OWN_H

#include <myelin/http_request.h>

typedef struct http_rates http_rates;

http_rates *myl_http_rates_start(const myl_config *config);
void myl_http_rates_end(http_rates *rates);

typedef enum { HTTP_BY_NOBODY, HTTP_BY_USER, HTTP_BY_ADDRESS } http_rate_by;
/* By what a class counts. */
http_rate_by myl_http_rate_by(myl_rate rate);

/* Takes one (or, without `take`, only looks) from the bucket of `who` (an interned user, or a hashed address): 0, or the
 * milliseconds until there is one again. At most HTTP_RATE_BUCKETS buckets; the fullest give way.
 * Any thread. */
int64_t myl_http_rate_take(http_rates *rates, myl_rate rate, uint64_t who, int64_t now_ms,
                           bool take);

/* Limits of one user's own. */
typedef struct {
    int64_t per_second, burst;
} http_own_rate;
int64_t myl_http_rate_take_own(http_rates *rates, const http_own_rate *own, uint64_t who,
                               int64_t now_ms);

#endif
