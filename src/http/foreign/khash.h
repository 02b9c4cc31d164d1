/* khash.h: the shape of the hash table that h2o keeps an HTTP/2 connection's streams in.
 *
 * Why: Debian installs h2o/http2_internal.h, which the guard needs, but not the header of that name
 *      that it includes.
 * Only what it asks for is here: the type as it lies in memory inside libh2o, and walking over it.
 * Nothing of the table is ever changed from here. docs/decisions/004-h2o-guard.md says when this
 * can go.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MYELIN_HTTP_FOREIGN_KHASH_H
#define MYELIN_HTTP_FOREIGN_KHASH_H

#include <stdint.h>

typedef uint32_t khiter_t;

/* Two bits a bucket in `flags`: 0 means that it is in use. */
#define KHASH_MAP_INIT_INT64(name, value_type)                                                     \
    typedef struct {                                                                               \
        uint32_t n_buckets, size, n_occupied, upper_bound;                                         \
        uint32_t *flags;                                                                           \
        uint64_t *keys;                                                                            \
        value_type *vals;                                                                          \
    } kh_##name##_t;                                                                               \
    static inline uint32_t kh_get_##name(const kh_##name##_t *table, uint64_t key)                 \
    {                                                                                              \
        for (uint32_t at = 0; at < table->n_buckets; at++) {                                       \
            if (kh_exist(table, at) && table->keys[at] == key)                                     \
                return at;                                                                         \
        }                                                                                          \
        return table->n_buckets;                                                                   \
    }
#define khash_t(name) kh_##name##_t
#define kh_exist(table, at) (((table)->flags[(at) >> 4] >> (((at)&15u) << 1) & 3u) == 0)
#define kh_get(name, table, key) kh_get_##name((table), (key))
#define kh_end(table) ((table)->n_buckets)
#define kh_val(table, at) ((table)->vals[at])

#endif
