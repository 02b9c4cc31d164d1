/* config_test.h: configuration files made by tests.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MYELIN_CONFIG_TEST_H
#define MYELIN_CONFIG_TEST_H

#include "base/base_test.h"

#include <myelin/config_file.h>

/* A folder of this run with files in it; start and stop are a group's set-up and tear-down. */
int config_test_start(void **state);
int config_test_stop(void **state);
/* The path of a file with this content. The last one of the same name is replaced. */
const char *config_test_file(myl_ctx *cx, const char *name, myl_str content);
/* Loads a file "t.yaml" with this content. */
myl_rc config_test_load(myl_ctx *cx, myl_str content, myl_config **out);
/* The folder, with its slash. */
const char *config_test_folder(void);

#endif
