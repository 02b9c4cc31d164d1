/* rows.c: the tables of keys, made from config.def and listener.def.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "config_own.h"

#define ROW(type, owner, field, key, preset, constraint, what, required)                           \
    {MYL_S_INIT(key), CONFIG_##type, offsetof(owner, field), preset, constraint, what, required},

static const config_row config_rows[] = {
#define KEY(type, field, key, preset, constraint, what)                                            \
    ROW(type, myl_config, field, key, preset, constraint, what, false)
#define REQUIRED_KEY(type, field, key, example, constraint, what)                                  \
    ROW(type, myl_config, field, key, example, constraint, what, true)
#include "config/config.def"
#undef REQUIRED_KEY
#undef KEY
};

static const config_row listener_rows[] = {
#define KEY(type, field, key, preset, constraint, what)                                            \
    ROW(type, myl_config_listener, field, key, preset, constraint, what, false)
#include "config/listener.def"
#undef KEY
};

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

const config_table myl_config_keys = {config_rows, COUNT(config_rows)};
const config_table myl_config_listener_keys = {listener_rows, COUNT(listener_rows)};

const config_row *myl_config_row(const config_table *table, myl_str key)
{
    for (size_t i = 0; i < table->count; i++) {
        if (myl_str_equal(table->rows[i].key, key))
            return &table->rows[i];
    }
    return NULL;
}

static const int64_t *integer_at(const myl_config *config, myl_str key)
{
    const config_row *row = myl_config_row(&myl_config_keys, key);
    return row == NULL ? NULL : (const int64_t *)(const void *)((const char *)config + row->at);
}

bool myl_config_rate(const myl_config *config, const char *name, int64_t *per_second_thousandths,
                     int64_t *burst)
{
    char key[96];
    int len = snprintf(key, sizeof(key), "rate.%s.per_second", name);
    const int64_t *rate = integer_at(config, (myl_str){key, (size_t)len});
    len = snprintf(key, sizeof(key), "rate.%s.burst", name);
    const int64_t *most = integer_at(config, (myl_str){key, (size_t)len});
    if (rate == NULL || most == NULL)
        return false;
    *per_second_thousandths = *rate;
    *burst = *most;
    return true;
}
