/* file.c: reads the YAML file into a myl_config and names everything that is wrong with it.
 *
 * Why:     an operator who mends a file wants all its mistakes at once, with their lines.
 * Callers: main and the daemon's commands, at start; tests.
 * Memory:  the configuration carries an arena of its own; process lifetime.
 * Holds:   defaults go through the same code as the file's values. Recursion follows the groups of
 *          the rows, never the file's nesting.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "config_own.h"

#include <errno.h>
#include <stdio.h>

#include <myelin/base_limit.h>
#include <myelin/base_table.h>

/* --- messages --------------------------------------------------------------------------------- */

size_t myl_config_line(const yaml_node_t *node)
{
    return node->start_mark.line + 1;
}

void myl_config_problem(config_reader *reader, size_t line, myl_str key, const char *format, ...)
{
    if (reader->problem_count++ >= MYL_LIMIT_CONFIG_PROBLEMS)
        return;
    myl_text *out = &reader->problems;
    if (out->len > 0)
        myl_text_add_byte(out, '\n');
    myl_text_add(out, myl_str_of(reader->source));
    if (line > 0 && reader->lines)
        myl_text_addf(out, ":%zu", line);
    myl_text_add(out, MYL_S(": "));
    if (myl_str_present(key))
        myl_text_addf(out, "%.*s: ", MYL_FMT(key));
    char words[512];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(words, sizeof(words), format, arguments);
    va_end(arguments);
    myl_text_add(out, myl_str_of(words));
}

static myl_rc verdict(config_reader *reader)
{
    if (reader->problem_count == 0)
        return MYL_OK;
    if (reader->problem_count > MYL_LIMIT_CONFIG_PROBLEMS)
        myl_text_addf(&reader->problems, "\nand %zu more",
                      reader->problem_count - MYL_LIMIT_CONFIG_PROBLEMS);
    return myl_fail(reader->cx, MYL_BAD_CONFIG, "%.*s", MYL_FMT(myl_text_str(&reader->problems)));
}

/* --- mappings --------------------------------------------------------------------------------- */

/* Do keys of the table stand under this group ("log" of "log.level")? */
static bool is_group(const config_table *table, myl_str name)
{
    for (size_t i = 0; i < table->count; i++) {
        myl_str key = table->rows[i].key;
        if (key.len > name.len && key.at[name.len] == '.' && myl_str_starts(key, name))
            return true;
    }
    return false;
}

/* The row of a secret whose "_file" form the name is, or NULL. */
static const config_row *row_of_file(const config_table *table, myl_str name)
{
    if (!myl_str_ends(name, MYL_S("_file")))
        return NULL;
    const config_row *row = myl_config_row(table, myl_str_slice(name, 0, name.len - 5));
    return row != NULL && row->kind == CONFIG_SECRET ? row : NULL;
}

static void take_group(config_reader *reader, const config_target *target, const yaml_node_t *node,
                       myl_str name)
{
    bool nothing = node->type == YAML_SCALAR_NODE && node->data.scalar.length == 0;
    if (node->type == YAML_MAPPING_NODE)
        myl_config_take_mapping(reader, target, node, name);
    else if (!nothing)
        myl_config_problem(reader, myl_config_line(node), name, "expected a group of keys");
}

/* One member; `name` is its key with its groups. */
static void take_member(config_reader *reader, const config_target *target, size_t line,
                        myl_str name, const yaml_node_t *node)
{
    const config_row *row = myl_config_row(target->table, name);
    const config_row *file_row = row == NULL ? row_of_file(target->table, name) : NULL;
    myl_str shown = myl_strf(reader->cx, "%.*s%.*s", MYL_FMT(target->prefix), MYL_FMT(name));
    if (row == NULL && file_row == NULL) {
        if (is_group(target->table, name))
            take_group(reader, target, node, name);
        else
            myl_config_problem(reader, line, shown,
                               "unknown key; expected one that `myelin --sample-config` shows");
        return;
    }
    bool *given = &target->given[(row != NULL ? row : file_row) - target->table->rows];
    if (*given)
        myl_config_problem(reader, line, shown, "expected once, given twice");
    else if (row != NULL)
        myl_config_take(reader, target, row, node);
    else
        myl_config_take_file(reader, target, file_row, node);
    *given = true;
}

static bool is_key(const yaml_node_t *node)
{
    if (node->type != YAML_SCALAR_NODE || node->data.scalar.length == 0)
        return false;
    myl_str text = {(const char *)node->data.scalar.value, node->data.scalar.length};
    return myl_str_find(text, '.', 0) == SIZE_MAX;
}

void myl_config_take_mapping(config_reader *reader, const config_target *target,
                             const yaml_node_t *mapping, myl_str group)
{
    myl_map *seen = myl_map_start(reader->cx, 16);
    const yaml_node_pair_t *pair = mapping->data.mapping.pairs.start;
    for (; pair < mapping->data.mapping.pairs.top; pair++) {
        const yaml_node_t *key = yaml_document_get_node(target->document, pair->key);
        const yaml_node_t *value = yaml_document_get_node(target->document, pair->value);
        size_t line = myl_config_line(key);
        if (!is_key(key)) {
            myl_config_problem(reader, line, group.len > 0 ? group : MYL_ABSENT,
                               "expected the name of a key, without dots");
            continue;
        }
        myl_str word = {(const char *)key->data.scalar.value, key->data.scalar.length};
        myl_str name = myl_strf(reader->cx, "%.*s%s%.*s", MYL_FMT(group), group.len > 0 ? "." : "",
                                MYL_FMT(word));
        void **known = myl_map_slot(seen, word);
        bool again = *known != NULL && is_group(target->table, name);
        *known = reader;
        if (again)
            myl_config_problem(reader, line, name, "expected once, given twice");
        else
            take_member(reader, target, line, name, value);
    }
}

/* --- values from text ------------------------------------------------------------------------- */

bool myl_config_take_yaml(config_reader *reader, const config_target *target, const config_row *row,
                          myl_str yaml, const char **problem)
{
    yaml_parser_t parser;
    yaml_document_t document;
    MYL_ASSERT(yaml_parser_initialize(&parser) == 1);
    yaml_parser_set_input_string(&parser, (const unsigned char *)yaml.at, yaml.len);
    bool read = yaml_parser_load(&parser, &document) == 1;
    if (read) {
        config_target own = *target;
        own.document = &document;
        const yaml_node_t *root = yaml_document_get_root_node(&document);
        if (root != NULL)
            myl_config_take(reader, &own, row, root);
        *problem = "expected a value";
        read = root != NULL;
        yaml_document_delete(&document);
    } else {
        *problem =
            parser.problem == NULL ? "not YAML" : parser.problem; /* static texts of libyaml */
    }
    yaml_parser_delete(&parser);
    return read;
}

void myl_config_preset(config_reader *reader, const config_target *target)
{
    for (size_t i = 0; i < target->table->count; i++) {
        const config_row *row = &target->table->rows[i];
        const char *problem;
        if (row->preset[0] != '\0' && !row->required)
            MYL_ASSERT(
                myl_config_take_yaml(reader, target, row, myl_str_of(row->preset), &problem));
    }
}

void myl_config_take_listeners(config_reader *reader, const config_target *target,
                               const config_row *row, const yaml_node_t *node)
{
    const yaml_node_item_t *items = node->data.sequence.items.start;
    size_t count = (size_t)(node->data.sequence.items.top - items);
    myl_config_listener *listeners = myl_new_array(reader->memory, myl_config_listener, count);
    for (size_t i = 0; i < count; i++) {
        const yaml_node_t *entry = yaml_document_get_node(target->document, items[i]);
        bool *given = myl_new_array(reader->cx, bool, myl_config_listener_keys.count);
        config_target inner = {&myl_config_listener_keys, &listeners[i], given,
                               myl_strf(reader->cx, "%.*s[%zu].", MYL_FMT(row->key), i),
                               target->document};
        myl_config_preset(reader, &inner);
        if (entry->type == YAML_MAPPING_NODE)
            myl_config_take_mapping(reader, &inner, entry, MYL_S(""));
        else
            myl_config_problem(reader, myl_config_line(entry), row->key,
                               "expected a group of keys");
    }
    *(myl_config_listeners *)(void *)((char *)target->base + row->at) =
        (myl_config_listeners){listeners, count};
}

/* --- the file --------------------------------------------------------------------------------- */

static void check_required(config_reader *reader, const config_target *target)
{
    for (size_t i = 0; i < target->table->count; i++) {
        const config_row *row = &target->table->rows[i];
        if (row->required && !target->given[i])
            myl_config_problem(reader, 0, row->key, "expected in the file, as it has no default");
    }
}

static void take_document(config_reader *reader, config_target *target, yaml_document_t *document)
{
    target->document = document;
    const yaml_node_t *root = yaml_document_get_root_node(document);
    if (root == NULL)
        return;
    if (root->type == YAML_MAPPING_NODE)
        myl_config_take_mapping(reader, target, root, MYL_S(""));
    else
        myl_config_problem(reader, myl_config_line(root), MYL_ABSENT, "expected keys and values");
}

static void yaml_problem(config_reader *reader, const yaml_parser_t *parser)
{
    myl_config_problem(reader, parser->problem_mark.line + 1, MYL_ABSENT, "%s",
                       parser->problem == NULL ? "not YAML" : parser->problem);
}

/* The file's one document; a second one is a mistake. */
static void take_stream(config_reader *reader, config_target *target, yaml_parser_t *parser)
{
    yaml_document_t document;
    if (yaml_parser_load(parser, &document) != 1) {
        yaml_problem(reader, parser);
        return;
    }
    take_document(reader, target, &document);
    bool filled = yaml_document_get_root_node(&document) != NULL;
    yaml_document_delete(&document);
    if (!filled)
        return;
    if (yaml_parser_load(parser, &document) != 1) {
        yaml_problem(reader, parser);
        return;
    }
    const yaml_node_t *second = yaml_document_get_root_node(&document);
    if (second != NULL)
        myl_config_problem(reader, myl_config_line(second), MYL_ABSENT,
                           "expected one document, got two");
    yaml_document_delete(&document);
}

static myl_str folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash == NULL ? MYL_S("") : (myl_str){path, (size_t)(slash - path) + 1};
}

static config_reader start_reader(myl_ctx *cx, myl_config *config, const char *source)
{
    return (config_reader){.cx = cx,
                           .memory = &config->memory,
                           .source = source,
                           .folder = folder_of(config->file.at),
                           .problems = MYL_TEXT(cx)};
}

static myl_rc load(myl_ctx *cx, FILE *file, const char *path, myl_config *config)
{
    config_reader reader = start_reader(cx, config, path);
    reader.lines = true;
    bool *given = myl_new_array(cx, bool, myl_config_keys.count);
    config_target target = {&myl_config_keys, config, given, MYL_S(""), NULL};
    yaml_parser_t parser;
    MYL_ASSERT(yaml_parser_initialize(&parser) == 1);
    yaml_parser_set_input_file(&parser, file);
    myl_config_preset(&reader, &target);
    MYL_ASSERT(reader.problem_count == 0);
    take_stream(&reader, &target, &parser);
    yaml_parser_delete(&parser);
    if (reader.problem_count == 0) {
        check_required(&reader, &target);
        myl_config_check_whole(&reader, config);
    }
    return verdict(&reader);
}

myl_rc myl_config_load(myl_ctx *cx, const char *path, myl_config **out)
{
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return myl_fail(cx, MYL_IO_FAILED, "%s: %s", path, strerror(errno));
    myl_config *config = myl_process_alloc(sizeof(*config));
    myl_ctx_begin(&config->memory);
    config->file = myl_keep(&config->memory, myl_str_of(path));
    myl_rc rc = load(cx, file, path, config);
    (void)fclose(file);
    if (rc == MYL_OK)
        *out = config;
    else
        myl_config_end(config);
    return rc;
}

myl_rc myl_config_set(myl_ctx *cx, myl_config *config, const char *assignment)
{
    config_reader reader = start_reader(cx, config, "--set");
    myl_config before = *config;
    bool *given = myl_new_array(cx, bool, myl_config_keys.count);
    config_target target = {&myl_config_keys, config, given, MYL_S(""), NULL};
    myl_str whole = myl_str_of(assignment);
    size_t equals = myl_str_find(whole, '=', 0);
    myl_str key = myl_str_slice(whole, 0, equals);
    const config_row *row = myl_config_row(&myl_config_keys, key);
    const char *problem;
    if (equals == SIZE_MAX)
        myl_config_problem(&reader, 0, key, "expected KEY=VALUE");
    else if (row == NULL)
        myl_config_problem(&reader, 0, key, "unknown key");
    else if (!myl_config_take_yaml(&reader, &target, row,
                                   myl_str_slice(whole, equals + 1, SIZE_MAX), &problem))
        myl_config_problem(&reader, 0, key, "%s", problem);
    if (reader.problem_count == 0)
        myl_config_check_whole(&reader, config);
    if (reader.problem_count > 0) {
        before.memory = config->memory;
        *config = before;
    }
    return verdict(&reader);
}

void myl_config_end(myl_config *config)
{
    if (config == NULL)
        return;
    myl_ctx_end(&config->memory);
    myl_process_free(config);
}
