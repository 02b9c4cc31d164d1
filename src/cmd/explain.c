/* explain.c: `myelin explain-state`. SPDX-License-Identifier: Apache-2.0 */
#include <myelin/cmd_explain.h>
int myl_cmd_explain_state(int argc, char **argv)
{
    return argc == 0 && argv == 0 ? 2 : 1;
}
