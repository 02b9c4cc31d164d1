/* inspect.c: `myelin inspect`: tables and their raw rows, for those who look for a fault.
 *
 * Callers: main.c.
 * Threads: one; the server does not run.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <inttypes.h>
#include <stdio.h>

#include "cmd/data_folder.h"

#define VALUE_BYTES 256 /* of a value that are printed */

static int print_tables(myl_ctx *cx)
{
    int status = 0;
    printf("%-24s %12s %14s\n", "table", "rows", "bytes");
    for (int table = 0; table < MYL_TABLE_COUNT; table++) {
        uint64_t rows;
        uint64_t bytes;
        if (myl_table_size(cx, (myl_table_id)table, &rows, &bytes) != MYL_OK)
            status = 1;
        else
            printf("%-24s %12" PRIu64 " %14" PRIu64 "\n", myl_table_name((myl_table_id)table), rows,
                   bytes);
    }
    return status;
}

static void print_bytes(const char *name, myl_str bytes)
{
    size_t shown = bytes.len < VALUE_BYTES ? bytes.len : VALUE_BYTES;
    printf("%s %zu ", name, bytes.len);
    for (size_t i = 0; i < shown; i++)
        printf("%02x", (unsigned)(unsigned char)bytes.at[i]);
    printf(" \"");
    for (size_t i = 0; i < shown; i++)
        putchar(bytes.at[i] >= ' ' && bytes.at[i] <= '~' ? bytes.at[i] : '.');
    printf("\"%s\n", shown < bytes.len ? "…" : "");
}

static int print_rows(myl_ctx *cx, myl_table_id table, myl_str prefix, int64_t limit)
{
    myl_scan *scan;
    myl_str key;
    myl_str value;
    myl_rc rc = myl_scan_start(cx, table, prefix, MYL_ABSENT, MYL_FORWARD, &scan);
    for (int64_t i = 0; rc == MYL_OK && i < limit; i++) {
        rc = myl_scan_next(scan, &key, &value);
        if (rc != MYL_OK || !myl_str_present(key))
            break;
        print_bytes("key", key);
        print_bytes("  value", value);
    }
    if (rc != MYL_OK)
        fprintf(stderr, "%.*s\n", MYL_FMT(cx->error.detail));
    return rc == MYL_OK ? 0 : 1;
}

static int digit(char hex)
{
    if (hex >= '0' && hex <= '9')
        return hex - '0';
    return hex >= 'a' && hex <= 'f' ? hex - 'a' + 10 : -1;
}

/* False when it is not pairs of hexadecimal digits. */
static bool from_hex(myl_ctx *cx, const char *hex, myl_str *out)
{
    size_t len = strlen(hex) / 2;
    char *bytes = myl_alloc(cx, len + 1);
    *out = (myl_str){bytes, len};
    for (size_t i = 0; i < len; i++) {
        int high = digit(hex[2 * i]);
        int low = digit(hex[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        bytes[i] = (char)(high << 4 | low);
    }
    return strlen(hex) % 2 == 0;
}

static const char usage[] = "usage: myelin inspect (--config FILE | --data DIR)\n"
                            "                      [--table NAME [--prefix HEX] [--limit N]]\n";

/* What to print, from the command line. */
typedef struct {
    const char *table; /* NULL: the list of tables */
    const char *prefix;
    const char *limit;
} wish;

static int print_wish(myl_ctx *cx, const wish *wanted)
{
    myl_table_id table;
    myl_str prefix;
    int64_t limit;
    if (wanted->table == NULL)
        return print_tables(cx);
    if (myl_table_of(myl_str_of(wanted->table), &table) && from_hex(cx, wanted->prefix, &prefix) &&
        myl_str_to_int(myl_str_of(wanted->limit), &limit))
        return print_rows(cx, table, prefix, limit);
    fputs(usage, stderr);
    return 2;
}

int myl_cmd_inspect(int argc, char **argv, const myl_check_setup *setup)
{
    myl_data_folder data = {.folder = NULL};
    wish wanted = {.prefix = "", .limit = "100"};
    const myl_cmd_option options[] = {{"--config", &data.config_path}, {"--data", &data.folder},
                                      {"--table", &wanted.table},      {"--prefix", &wanted.prefix},
                                      {"--limit", &wanted.limit},      {NULL, NULL}};
    if (!myl_cmd_options(argc, argv, options) ||
        (data.folder == NULL) == (data.config_path == NULL)) {
        fputs(usage, stderr);
        return 2;
    }
    if (!myl_data_folder_open(&data, setup))
        return 2;
    int status = print_wish(&data.cx, &wanted);
    myl_data_folder_close(&data);
    return status;
}
