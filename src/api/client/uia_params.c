/* uia_params.c: what stages of user-interactive authentication tell clients before they begin.
 *
 * Spec:    Client-Server API, User-Interactive Authentication API, Google ReCaptcha; Terms of service at registration.
 * Threads: any.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "api/client/client_own.h"

/* A row of registration.terms: id|version|language|name|URL, as the configuration's check has seen. */
myl_policy myl_client_policy(size_t index)
{
    myl_str row = myl_api_config()->registration_terms.items[index], part[4];
    size_t from = 0;

    for (size_t i = 0; i < 4; i++) {
        size_t bar = myl_str_find(row, '|', from);

        part[i] = myl_str_slice(row, from, bar - from);
        from = bar + 1;
    }
    return (myl_policy){part[0], part[1], part[2], part[3], myl_str_slice(row, from, SIZE_MAX)};
}

size_t myl_client_policy_count(void)
{
    return myl_api_config()->registration_terms.count;
}

/* Was a policy of this id written already? */
static bool is_first_of_id(size_t index)
{
    for (size_t i = 0; i < index; i++)
        if (myl_str_equal(myl_client_policy(i).id, myl_client_policy(index).id))
            return false;
    return true;
}

static void write_policy(myl_writer *w, size_t index)
{
    myl_policy policy = myl_client_policy(index);

    myl_write_open_str(w, policy.id, '{');
    myl_write_str(w, "version", policy.version);
    for (size_t i = index; i < myl_client_policy_count(); i++) {
        myl_policy one = myl_client_policy(i);

        if (!myl_str_equal(one.id, policy.id))
            continue;
        myl_write_open_str(w, one.language, '{');
        myl_write_str(w, "name", one.name);
        myl_write_str(w, "url", one.url);
        myl_write_close(w, '}');
    }
    myl_write_close(w, '}');
}

void myl_client_write_uia_params(myl_writer *w, unsigned stages)
{
    if ((stages & MYL_UIA_RECAPTCHA) != 0) {
        myl_write_open_key(w, "m.login.recaptcha", '{');
        myl_write_str(w, "public_key", myl_api_config()->registration_recaptcha_site_key);
        myl_write_close(w, '}');
    }
    if ((stages & MYL_UIA_TERMS) == 0)
        return;
    myl_write_open_key(w, "m.login.terms", '{');
    myl_write_open_key(w, "policies", '{');
    for (size_t i = 0; i < myl_client_policy_count(); i++)
        if (is_first_of_id(i))
            write_policy(w, i);
    myl_write_close(w, '}');
    myl_write_close(w, '}');
}
