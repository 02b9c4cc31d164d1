/* offline.c: `myelin check` and `myelin inspect` for the folder that a configuration names.
 *
 * Callers: main.c. Threads: one.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <myelin/cmd_offline.h>

#include <stdio.h>

#include <myelin/cmd_check.h>
#include <myelin/config_file.h>
#include <myelin/crypto_sign.h>
#include <myelin/fed_check.h>
#include <myelin/outbox_send.h>
#include <myelin/push_rules.h>
#include <myelin/room_check.h>
#include <myelin/tasks_lane.h>
#include <myelin/user_check.h>

static const myl_check_row *const checks[] = {myl_store_checks, myl_tasks_checks,
                                              myl_user_checks,  myl_room_checks,
                                              myl_fed_checks,   myl_outbox_checks,
                                              myl_push_checks,  NULL};
static const myl_check_setup setup = {.checks = checks};

typedef int (*run_on_data)(int argc, char **argv, const myl_check_setup *setup);

enum { MOST_WORDS = 16 };

/* Everything as it came, with `--config FILE` replaced by `--data` and the folder. */
static int run_configured(int argc, char **argv, int at, run_on_data run)
{
    char *words[MOST_WORDS + 1] = {NULL};
    myl_config *config = NULL;
    myl_signing_key *key;
    myl_ctx cx;
    int status = 2;

    myl_ctx_begin(&cx);
    if (myl_config_load(&cx, argv[at + 1], &config) == MYL_OK &&
        myl_signing_key_load(&cx, config->signing_key.at, &key) == MYL_OK) {
        myl_room_check_key(config->server_name, myl_signing_key_id(key),
                           (myl_str){(const char *)myl_signing_key_public(key), 32});
        for (int i = 0; i < argc; i++)
            words[i] = argv[i];
        words[at] = "--data";
        words[at + 1] = myl_cstr(&cx, config->data_dir);
        status = run(argc, words, &setup);
        myl_signing_key_end(key);
    } else {
        fprintf(stderr, "myelin: %.*s\n", MYL_FMT(cx.error.detail));
    }
    if (config != NULL)
        myl_config_end(config);
    myl_ctx_end(&cx);
    return status;
}

static int run_offline(int argc, char **argv, run_on_data run)
{
    myl_crypto_start();
    for (int i = 1; i + 1 < argc && argc <= MOST_WORDS; i++)
        if (myl_str_equal(myl_str_of(argv[i]), MYL_S("--config")))
            return run_configured(argc, argv, i, run);
    return run(argc, argv, &setup);
}

int myl_cmd_check_data(int argc, char **argv)
{
    return run_offline(argc, argv, myl_cmd_check);
}

int myl_cmd_inspect_data(int argc, char **argv)
{
    return run_offline(argc, argv, myl_cmd_inspect);
}

int myl_cmd_compact_data(int argc, char **argv)
{
    return run_offline(argc, argv, myl_cmd_compact);
}

int myl_cmd_restore_data(int argc, char **argv)
{
    return run_offline(argc, argv, myl_cmd_restore);
}
