/* config_test.c: a folder with configuration files made by tests.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "config/config_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char folder[64];

int config_test_start(void **state)
{
    MYL_UNUSED(state);
    snprintf(folder, sizeof(folder), "/tmp/myelin-config-XXXXXX");
    if (mkdtemp(folder) == NULL)
        return 1;
    folder[strlen(folder)] = '/';
    return 0;
}

int config_test_stop(void **state)
{
    static const char *const names[] = {"t.yaml", "secret", "empty", "long"};
    MYL_UNUSED(state);
    char path[96];
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        snprintf(path, sizeof(path), "%s%s", folder, names[i]);
        unlink(path);
    }
    return rmdir(folder);
}

const char *config_test_folder(void)
{
    return folder;
}

const char *config_test_file(myl_ctx *cx, const char *name, myl_str content)
{
    char *path = myl_cstr(cx, myl_strf(cx, "%s%s", folder, name));
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(content.at, 1, content.len, file), content.len);
    fclose(file);
    return path;
}

myl_rc config_test_load(myl_ctx *cx, myl_str content, myl_config **out)
{
    return myl_config_load(cx, config_test_file(cx, "t.yaml", content), out);
}
