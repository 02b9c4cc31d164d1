/* check.c: what values must be like: numbers with units, named checks of texts, keys that belong
 * together.
 *
 * Callers: values.c for one key, file.c for the whole.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "config_own.h"

#include <myelin/base_log.h>

#define SERVER_NAME_BYTES 230 /* user ids are at most 255 */

/* --- numbers with units ----------------------------------------------------------------------- */

typedef struct {
    const char *name;
    int64_t factor;
} unit;

static const unit durations[] = {{"ms", 1},      {"s", 1000},     {"m", 60000},
                                 {"h", 3600000}, {"d", 86400000}, {NULL, 0}};
static const unit sizes[] = {{"K", INT64_C(1) << 10},
                             {"M", INT64_C(1) << 20},
                             {"G", INT64_C(1) << 30},
                             {"T", INT64_C(1) << 40},
                             {"", 1},
                             {NULL, 0}};

/* Digits and one of the units; a bare 0 needs none. */
static bool with_unit(const unit *units, myl_str text, int64_t *out)
{
    size_t digits = 0;
    while (digits < text.len && text.at[digits] >= '0' && text.at[digits] <= '9')
        digits++;
    myl_str name = myl_str_slice(text, digits, SIZE_MAX);
    if (!myl_str_to_int(myl_str_slice(text, 0, digits), out))
        return false;
    if (*out == 0 && name.len == 0)
        return true;
    for (; units->name != NULL; units++) {
        if (myl_str_equal(name, myl_str_of(units->name)))
            return !__builtin_mul_overflow(*out, units->factor, out);
    }
    return false;
}

/* Digits with at most three behind a point, in thousandths. */
static bool decimal(myl_str text, int64_t *out)
{
    size_t point = myl_str_find(text, '.', 0);
    myl_str behind = point == SIZE_MAX ? MYL_S("0") : myl_str_slice(text, point + 1, SIZE_MAX);
    int64_t whole, part;
    if (behind.len > 3 || !myl_str_to_int(myl_str_slice(text, 0, point), &whole) ||
        !myl_str_to_int(behind, &part) || text.at[0] == '-' || behind.at[0] == '-')
        return false;
    for (size_t i = behind.len; i < 3; i++)
        part *= 10;
    return !__builtin_mul_overflow(whole, 1000, out) && !__builtin_add_overflow(*out, part, out);
}

static bool octal_mode(myl_str text, int64_t *out)
{
    if (text.len < 3 || text.len > 4)
        return false;
    *out = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] < '0' || text.at[i] > '7')
            return false;
        *out = 8 * *out + (text.at[i] - '0');
    }
    return *out <= 0777;
}

bool myl_config_number(config_kind kind, myl_str text, int64_t *out)
{
    if (kind == CONFIG_DURATION)
        return with_unit(durations, text, out);
    if (kind == CONFIG_SIZE)
        return with_unit(sizes, text, out);
    if (kind == CONFIG_DECIMAL)
        return decimal(text, out);
    if (kind == CONFIG_MODE)
        return octal_mode(text, out);
    return myl_str_to_int(text, out);
}

void myl_config_range(const config_row *row, int64_t *low, int64_t *high)
{
    const char *dots = strstr(row->constraint, "..");
    *low = INT64_MIN;
    *high = INT64_MAX;
    if (dots == NULL)
        return;
    myl_str left = {row->constraint, (size_t)(dots - row->constraint)};
    MYL_ASSERT(myl_config_number(row->kind, left, low));
    MYL_ASSERT(myl_config_number(row->kind, myl_str_of(dots + 2), high));
}

/* --- texts ------------------------------------------------------------------------------------ */

bool myl_config_next_choice(const char *choices, size_t *from, myl_str *out)
{
    myl_str all = myl_str_of(choices);
    if (*from > all.len || all.len == 0)
        return false;
    size_t bar = myl_str_find(all, '|', *from);
    size_t end = bar == SIZE_MAX ? all.len : bar;
    *out = myl_str_slice(all, *from, end - *from);
    *from = end + 1;
    return true;
}

static bool is_port(myl_str text)
{
    int64_t port;
    return text.len <= 5 && text.len > 0 && text.at[0] != '-' && myl_str_to_int(text, &port) &&
           port > 0 && port < 65536;
}

static bool is_host_name(myl_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.at[i];
        if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') &&
            c != '-' && c != '.')
            return false;
    }
    return text.len > 0;
}

/* Appendices, Server Name. */
static bool is_server_name(myl_str text)
{
    if (text.len > SERVER_NAME_BYTES)
        return false;
    bool literal = myl_str_starts(text, MYL_S("["));
    size_t end = literal ? myl_str_find(text, ']', 0) : myl_str_find(text, ':', 0);
    if (literal && end == SIZE_MAX)
        return false;
    size_t host_end = end == SIZE_MAX ? text.len : end;
    myl_address address;
    if (literal && !myl_address_of(myl_str_slice(text, 1, host_end - 1), &address))
        return false;
    if (!literal && !is_host_name(myl_str_slice(text, 0, host_end)))
        return false;
    myl_str rest = myl_str_slice(text, host_end + (literal ? 1 : 0), SIZE_MAX);
    return rest.len == 0 || (rest.at[0] == ':' && is_port(myl_str_slice(rest, 1, SIZE_MAX)));
}

static bool is_url(myl_str text)
{
    size_t scheme = myl_str_starts(text, MYL_S("https://"))  ? 8
                    : myl_str_starts(text, MYL_S("http://")) ? 7
                                                             : 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] <= ' ' || text.at[i] == 0x7f)
            return false;
    }
    return scheme > 0 && text.len > scheme && text.at[scheme] != '/';
}

static bool is_address(myl_str text)
{
    myl_address address;
    return myl_address_of(text, &address);
}

/* id|version|language|name|URL, none empty. */
static bool is_policy(myl_str text)
{
    size_t from = 0;

    for (int i = 0; i < 4; i++) {
        size_t bar = myl_str_find(text, '|', from);
        if (bar == SIZE_MAX || bar == from)
            return false;
        from = bar + 1;
    }
    return is_url(myl_str_slice(text, from, SIZE_MAX));
}

static bool is_log_levels(myl_str text)
{
    return myl_log_understands(text.at); /* values are NUL-ended */
}

static const struct {
    const char *name;
    bool (*passes)(myl_str text);
} checks[] = {
    {"server name", is_server_name}, {"URL", is_url},
    {"address", is_address},         {"list of log levels", is_log_levels},
    {"list of policies", is_policy},
};

bool myl_config_check_text(const char *check, myl_str text)
{
    if (check[0] == '\0')
        return true;
    size_t index = 0;
    while (index < sizeof(checks) / sizeof(checks[0]) && strcmp(checks[index].name, check) != 0)
        index++;
    MYL_ASSERT(index < sizeof(checks) / sizeof(checks[0]));
    return checks[index].passes(text);
}

/* --- keys that belong together ---------------------------------------------------------------- */

static void check_listener(config_reader *reader, size_t index, const myl_config_listener *listener)
{
    myl_str key = myl_strf(reader->cx, "listeners[%zu]", index);
    bool unix_socket = myl_str_present(listener->unix_path);
    if (unix_socket == (listener->port != 0))
        myl_config_problem(reader, 0, key, "expected either port or unix.path");
    if (myl_str_present(listener->tls_certificate) != myl_str_present(listener->tls_private_key))
        myl_config_problem(reader, 0, key,
                           "expected tls.certificate and tls.private_key, or none of them");
    if (listener->apis == 0)
        myl_config_problem(reader, 0, key, "expected at least one of its apis");
    if (listener->trusted &&
        (!unix_socket || (listener->apis & ~(unsigned)(MYL_API_ADMIN | MYL_API_METRICS)) != 0))
        myl_config_problem(reader, 0, key,
                           "expected trusted only of a unix socket with no other apis than admin "
                           "and metrics");
}

void myl_config_check_whole(config_reader *reader, const myl_config *config)
{
    if (config->listeners.count == 0)
        myl_config_problem(reader, 0, MYL_S("listeners"), "expected at least one entry");
    for (size_t i = 0; i < config->listeners.count; i++)
        check_listener(reader, i, &config->listeners.items[i]);
    if (config->passwords_min_length > config->passwords_max_length)
        myl_config_problem(reader, 0, MYL_S("passwords.min_length"),
                           "expected at most passwords.max_length");
    if ((config->registration_recaptcha_site_key.len > 0) !=
        (config->registration_recaptcha_secret.text.len > 0))
        myl_config_problem(reader, 0, MYL_S("registration.recaptcha.site_key"),
                           "expected registration.recaptcha.secret beside it, or none of them");
    if (config->turn_uris.count > 0 && !myl_str_present(config->turn_secret.text))
        myl_config_problem(reader, 0, MYL_S("turn.uris"), "expected turn.secret beside it");
}
