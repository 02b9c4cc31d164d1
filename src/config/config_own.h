/* config_own.h: rows of keys, and the reader that all files of config/ work in.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MYELIN_CONFIG_OWN_H
#define MYELIN_CONFIG_OWN_H

#include <yaml.h>

#include <myelin/base_list.h>
#include <myelin/config_file.h>

typedef enum {
    CONFIG_TEXT,
    CONFIG_SECRET,
    CONFIG_PATH,
    CONFIG_CHOICE,
    CONFIG_INT,
    CONFIG_DECIMAL,
    CONFIG_DURATION,
    CONFIG_SIZE,
    CONFIG_MODE,
    CONFIG_BOOL,
    CONFIG_APIS,
    CONFIG_TEXTS,
    CONFIG_NETWORKS,
    CONFIG_LISTENERS
} config_kind;

/* A row of config.def or listener.def. */
typedef struct {
    myl_str key;
    config_kind kind;
    size_t at; /* offset in the struct */
    const char *preset;
    const char *constraint;
    const char *what;
    bool required; /* then `preset` is an example */
} config_row;

typedef struct {
    const config_row *rows;
    size_t count;
} config_table;

extern const config_table myl_config_keys;
extern const config_table myl_config_listener_keys;

/* The row of the key, or NULL. */
const config_row *myl_config_row(const config_table *table, myl_str key);

/* One pass over a file or an assignment. */
typedef struct {
    myl_ctx *cx;        /* the caller's: for what is only needed while reading */
    myl_ctx *memory;    /* the configuration's */
    const char *source; /* in messages */
    bool lines;         /* has it lines? */
    myl_str folder;     /* of relative paths, with its slash; "" for the current one */
    myl_text problems;  /* a line each */
    size_t problem_count;
} config_reader;

/* Where values go, and what they are called in messages. */
typedef struct {
    const config_table *table;
    void *base;     /* the struct */
    bool *given;    /* per row */
    myl_str prefix; /* "listeners[0]." */
    yaml_document_t *document;
} config_target;

/* line 0: not known. key absent: about the whole. */
void myl_config_problem(config_reader *reader, size_t line, myl_str key, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
size_t myl_config_line(const yaml_node_t *node);

/* Sets every key that has a default. */
void myl_config_preset(config_reader *reader, const config_target *target);
/* Reads the members of a mapping into the target, under the group `group` ("" at the top). */
void myl_config_take_mapping(config_reader *reader, const config_target *target,
                             const yaml_node_t *mapping, myl_str group);
/* Reads one value, complaining where it is not as the row says. */
void myl_config_take(config_reader *reader, const config_target *target, const config_row *row,
                     const yaml_node_t *node);
/* The same from YAML text; false and *problem (libyaml's words) when it is no YAML. */
bool myl_config_take_yaml(config_reader *reader, const config_target *target, const config_row *row,
                          myl_str yaml, const char **problem);
/* A secret that stands in a file of its own. */
void myl_config_take_file(config_reader *reader, const config_target *target, const config_row *row,
                          const yaml_node_t *node);
/* Listeners: a sequence of mappings. */
void myl_config_take_listeners(config_reader *reader, const config_target *target,
                               const config_row *row, const yaml_node_t *node);

/* The text of a scalar in one of the number kinds; false: not understood. Limits are not looked at.
 *  */
bool myl_config_number(config_kind kind, myl_str text, int64_t *out);
/* "low..high" of the row, in the kind's own unit. */
void myl_config_range(const config_row *row, int64_t *low, int64_t *high);
/* Does the text pass the check of that name? "" passes all. */
bool myl_config_check_text(const char *check, myl_str text);
/* The part of "a|b|c" at *from, which moves on; false at the end. */
bool myl_config_next_choice(const char *choices, size_t *from, myl_str *out);

/* What one key alone cannot tell: pairs that belong together. */
void myl_config_check_whole(config_reader *reader, const myl_config *config);

#endif
