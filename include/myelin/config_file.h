/* config_file.h: the configuration: one YAML file, checked wholly before anything starts.
 *
 * Keys are the rows of src/config/config.def (and listener.def); a row makes the field of
 * myl_config, its check, and its lines in the sample. Relative paths are resolved against the
 * file's folder.
 * Threads: made at start; read-only and of process lifetime from then on.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MYELIN_CONFIG_FILE_H
#define MYELIN_CONFIG_FILE_H

#include <myelin/base_ctx.h>
#include <myelin/base_network.h>

typedef struct {
    const myl_str *items;
    size_t count;
} myl_config_texts;

typedef struct {
    const myl_network *items;
    size_t count;
} myl_config_networks;

/* The C type of each type of key. Texts and paths are NUL-ended; MYL_ABSENT when not set. */
#define MYL_CONFIG_TEXT myl_str
#define MYL_CONFIG_SECRET myl_secret
#define MYL_CONFIG_PATH myl_str
#define MYL_CONFIG_CHOICE myl_str
#define MYL_CONFIG_INT int64_t
#define MYL_CONFIG_DECIMAL int64_t  /* thousandths */
#define MYL_CONFIG_DURATION int64_t /* milliseconds */
#define MYL_CONFIG_SIZE int64_t     /* bytes */
#define MYL_CONFIG_MODE int64_t
#define MYL_CONFIG_BOOL bool
#define MYL_CONFIG_APIS unsigned
#define MYL_CONFIG_TEXTS myl_config_texts
#define MYL_CONFIG_NETWORKS myl_config_networks
#define MYL_CONFIG_LISTENERS myl_config_listeners

/* Bits of myl_config_listener.apis, in the order of the row. */
enum { MYL_API_CLIENT = 1, MYL_API_FEDERATION = 2, MYL_API_ADMIN = 4, MYL_API_METRICS = 8 };

#define KEY(type, field, key, preset, constraint, what) MYL_CONFIG_##type field;
#define REQUIRED_KEY KEY

/* Either port or unix_path is set; both TLS files or none. */
typedef struct {
#include "config/listener.def"
} myl_config_listener;

typedef struct {
    const myl_config_listener *items;
    size_t count;
} myl_config_listeners;

typedef struct {
#include "config/config.def"
    myl_str file; /* where it came from */
    myl_ctx memory;
} myl_config;

#undef REQUIRED_KEY
#undef KEY

/* MYL_BAD_CONFIG when anything is wrong; the detail has a line "file:line: key: expected …" for
 * each problem, CONFIG_PROBLEMS of them at most. MYL_IO_FAILED when the file cannot be read. */
myl_rc myl_config_load(myl_ctx *cx, const char *path, myl_config **out);
/* One more key, as if at the end of the file: "log.level=debug", the value as YAML. At start only;
 * MYL_BAD_CONFIG changes nothing. */
myl_rc myl_config_set(myl_ctx *cx, myl_config *config, const char *assignment);
void myl_config_end(myl_config *config);

/* A file with every key, its meaning and default, commented out where it has one. */
void myl_config_sample(myl_text *out);

/* The keys rate.<name>.per_second (in thousandths) and rate.<name>.burst. False: no such class. */
bool myl_config_rate(const myl_config *config, const char *name, int64_t *per_second_thousandths,
                     int64_t *burst);

#endif
