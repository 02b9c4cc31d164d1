/* values.c: one YAML value into one field, as its row says.
 *
 * Callers: file.c for each key that it meets, and for the defaults of the rows.
 * Memory:  what a value needs lives as long as the configuration.
 * Holds:   texts are NUL-ended; the empty text means "not set". A secret never stands in a message.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "config_own.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define SHOWN_BYTES 60    /* of a bad value, in messages */
#define SECRET_BYTES 4096 /* of a secret's file */

static myl_str text_of(const yaml_node_t *node)
{
    return (myl_str){(const char *)node->data.scalar.value, node->data.scalar.length};
}

static bool is_plain(const yaml_node_t *node)
{
    return node->type == YAML_SCALAR_NODE && node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
}

/* `key:` with nothing behind, ~ or null. */
static bool is_nothing(const yaml_node_t *node)
{
    if (!is_plain(node))
        return false;
    myl_str text = text_of(node);
    return text.len == 0 || myl_str_equal(text, MYL_S("~")) || myl_str_equal(text, MYL_S("null"));
}

static bool is_number_kind(config_kind kind)
{
    return kind == CONFIG_INT || kind == CONFIG_DECIMAL || kind == CONFIG_DURATION ||
           kind == CONFIG_SIZE || kind == CONFIG_MODE;
}

/* --- what a refusal says ---------------------------------------------------------------------- */

/* "a|b" as "a, b". */
static myl_str choices_of(myl_ctx *cx, const char *choices)
{
    myl_text text = myl_text_start(cx, 64);
    myl_str choice;
    for (size_t from = 0; myl_config_next_choice(choices, &from, &choice);) {
        if (text.len > 0)
            myl_text_add(&text, MYL_S(", "));
        myl_text_add(&text, choice);
    }
    return myl_text_str(&text);
}

static const char *noun_of(config_kind kind)
{
    switch (kind) {
    case CONFIG_TEXT:
    case CONFIG_SECRET: return "a text";
    case CONFIG_PATH: return "a path";
    case CONFIG_CHOICE: return "one of";
    case CONFIG_INT: return "a whole number";
    case CONFIG_DECIMAL: return "a number with at most three decimals";
    case CONFIG_DURATION: return "a duration with its unit (ms, s, m, h, d)";
    case CONFIG_SIZE: return "a size in bytes, or with K, M, G or T";
    case CONFIG_MODE: return "an octal file mode such as 0660";
    case CONFIG_BOOL: return "true or false";
    case CONFIG_APIS: return "a list of";
    case CONFIG_TEXTS: return "a list of texts";
    case CONFIG_NETWORKS: return "a list of networks such as 10.0.0.0/8";
    case CONFIG_LISTENERS: return "a list of listeners";
    }
    return "";
}

static myl_str expectation_of(myl_ctx *cx, const config_row *row)
{
    if (row->kind == CONFIG_CHOICE || row->kind == CONFIG_APIS)
        return myl_strf(cx, "%s %.*s", noun_of(row->kind),
                        MYL_FMT(choices_of(cx, row->constraint)));
    if (row->kind == CONFIG_TEXT && row->constraint[0] != '\0')
        return myl_strf(cx, "a valid %s", row->constraint);
    if (strstr(row->constraint, "..") != NULL)
        return myl_strf(cx, "%s, %s", noun_of(row->kind), row->constraint);
    return myl_str_of(noun_of(row->kind));
}

static myl_str shown(myl_ctx *cx, const config_row *row, const yaml_node_t *node)
{
    if (row->kind == CONFIG_SECRET)
        return MYL_S("");
    if (node->type == YAML_SEQUENCE_NODE)
        return MYL_S(", got a list");
    if (node->type == YAML_MAPPING_NODE)
        return MYL_S(", got a group of keys");
    if (is_nothing(node))
        return MYL_S(", got nothing");
    myl_str text = myl_str_slice(text_of(node), 0, SHOWN_BYTES);
    text.len = myl_str_utf8_length(text);
    return myl_strf(cx, ", got \"%.*s\"", MYL_FMT(text));
}

static myl_str name_of(config_reader *reader, const config_target *target, const config_row *row)
{
    return myl_strf(reader->cx, "%.*s%.*s", MYL_FMT(target->prefix), MYL_FMT(row->key));
}

static void refuse(config_reader *reader, const config_target *target, const config_row *row,
                   const yaml_node_t *node)
{
    myl_config_problem(reader, myl_config_line(node), name_of(reader, target, row),
                       "expected %.*s%.*s", MYL_FMT(expectation_of(reader->cx, row)),
                       MYL_FMT(shown(reader->cx, row, node)));
}

/* --- scalars ---------------------------------------------------------------------------------- */

/* A copy with the configuration's life; absent when empty. */
static myl_str kept(config_reader *reader, myl_str text)
{
    return text.len == 0 ? MYL_ABSENT : myl_keep(reader->memory, text);
}

static myl_str path_of(config_reader *reader, myl_str text)
{
    if (text.len == 0 || text.at[0] == '/' || reader->folder.len == 0)
        return kept(reader, text);
    myl_str path = myl_strf(reader->cx, "%.*s%.*s", MYL_FMT(reader->folder), MYL_FMT(text));
    return kept(reader, path);
}

static bool take_number(const config_row *row, const yaml_node_t *node, int64_t *out)
{
    int64_t low, high, number;
    myl_config_range(row, &low, &high);
    if (row->kind == CONFIG_INT && !is_plain(node))
        return false;
    if (!myl_config_number(row->kind, text_of(node), &number) || number < low || number > high)
        return false;
    *out = number;
    return true;
}

static bool take_bool(const yaml_node_t *node, bool *out)
{
    bool truth = myl_str_equal(text_of(node), MYL_S("true"));
    if (!is_plain(node) || (!truth && !myl_str_equal(text_of(node), MYL_S("false"))))
        return false;
    *out = truth;
    return true;
}

static bool take_text(config_reader *reader, const config_row *row, const yaml_node_t *node,
                      myl_str *out)
{
    myl_str text = text_of(node);
    if (is_nothing(node) || myl_str_find(text, '\0', 0) != SIZE_MAX)
        return false;
    *out = row->kind == CONFIG_PATH ? path_of(reader, text) : kept(reader, text);
    if (text.len == 0)
        return !row->required;
    return row->kind != CONFIG_TEXT || myl_config_check_text(row->constraint, *out);
}

/* The index of the text among the choices, or SIZE_MAX. */
static size_t choice_of(const config_row *row, myl_str text)
{
    myl_str choice;
    size_t index = 0;
    for (size_t from = 0; myl_config_next_choice(row->constraint, &from, &choice); index++) {
        if (myl_str_equal(choice, text))
            return index;
    }
    return SIZE_MAX;
}

static bool take_choice(config_reader *reader, const config_row *row, const yaml_node_t *node,
                        myl_str *out)
{
    if (choice_of(row, text_of(node)) == SIZE_MAX)
        return false;
    *out = kept(reader, text_of(node));
    return true;
}

static bool take_scalar(config_reader *reader, const config_row *row, const yaml_node_t *node,
                        void *place)
{
    if (node->type != YAML_SCALAR_NODE)
        return false;
    if (is_number_kind(row->kind))
        return take_number(row, node, place);
    if (row->kind == CONFIG_BOOL)
        return take_bool(node, place);
    if (row->kind == CONFIG_CHOICE)
        return take_choice(reader, row, node, place);
    if (row->kind == CONFIG_SECRET)
        return take_text(reader, row, node, &((myl_secret *)place)->text);
    return take_text(reader, row, node, place);
}

/* --- lists ------------------------------------------------------------------------------------ */

static size_t list_length(const yaml_node_t *node)
{
    return (size_t)(node->data.sequence.items.top - node->data.sequence.items.start);
}

/* The element when it is a scalar with something in it, else NULL. */
static const yaml_node_t *scalar_at(const config_target *target, const yaml_node_t *node,
                                    size_t index)
{
    const yaml_node_t *element =
        yaml_document_get_node(target->document, node->data.sequence.items.start[index]);
    return element->type == YAML_SCALAR_NODE && !is_nothing(element) ? element : NULL;
}

static bool take_texts(config_reader *reader, const config_target *target, const config_row *row,
                       const yaml_node_t *node, myl_config_texts *out)
{
    size_t count = list_length(node);
    myl_str *items = myl_new_array(reader->memory, myl_str, count);
    for (size_t i = 0; i < count; i++) {
        const yaml_node_t *element = scalar_at(target, node, i);
        if (element == NULL || text_of(element).len == 0)
            return false;
        items[i] = kept(reader, text_of(element));
        if (!myl_config_check_text(row->constraint, items[i]))
            return false;
    }
    *out = (myl_config_texts){items, count};
    return true;
}

static bool take_networks(config_reader *reader, const config_target *target,
                          const yaml_node_t *node, myl_config_networks *out)
{
    size_t count = list_length(node);
    myl_network *items = myl_new_array(reader->memory, myl_network, count);
    for (size_t i = 0; i < count; i++) {
        const yaml_node_t *element = scalar_at(target, node, i);
        if (element == NULL || !myl_network_of(text_of(element), &items[i]))
            return false;
    }
    *out = (myl_config_networks){items, count};
    return true;
}

static bool take_apis(const config_target *target, const config_row *row, const yaml_node_t *node,
                      unsigned *out)
{
    unsigned bits = 0;
    for (size_t i = 0; i < list_length(node); i++) {
        const yaml_node_t *element = scalar_at(target, node, i);
        size_t choice = element == NULL ? SIZE_MAX : choice_of(row, text_of(element));
        if (choice == SIZE_MAX)
            return false;
        bits |= 1u << choice;
    }
    *out = bits;
    return true;
}

void myl_config_take(config_reader *reader, const config_target *target, const config_row *row,
                     const yaml_node_t *node)
{
    void *place = (char *)target->base + row->at;
    bool list = node->type == YAML_SEQUENCE_NODE;
    bool good;
    if (row->kind == CONFIG_LISTENERS) {
        good = list;
        if (list)
            myl_config_take_listeners(reader, target, row, node);
    } else if (row->kind == CONFIG_TEXTS) {
        good = list && take_texts(reader, target, row, node, place);
    } else if (row->kind == CONFIG_NETWORKS) {
        good = list && take_networks(reader, target, node, place);
    } else if (row->kind == CONFIG_APIS) {
        good = list && take_apis(target, row, node, place);
    } else {
        good = take_scalar(reader, row, node, place);
    }
    if (!good)
        refuse(reader, target, row, node);
}

/* --- secrets in files ------------------------------------------------------------------------- */

/* What is in the file, without the newline at its end. */
static const char *read_secret(config_reader *reader, const char *path, myl_str *out)
{
    char bytes[SECRET_BYTES];
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    ssize_t len = fd < 0 ? -1 : read(fd, bytes, sizeof(bytes));
    const char *problem = len < 0 ? strerror(errno) : NULL;
    if (fd >= 0)
        close(fd);
    if (problem != NULL)
        return problem;
    if (len == (ssize_t)sizeof(bytes))
        return "too long";
    myl_str text = {bytes, (size_t)len};
    if (myl_str_ends(text, MYL_S("\n")))
        text.len--;
    if (text.len == 0)
        return "nothing in it";
    *out = kept(reader, text);
    return NULL;
}

void myl_config_take_file(config_reader *reader, const config_target *target, const config_row *row,
                          const yaml_node_t *node)
{
    myl_str name = myl_strf(reader->cx, "%.*s_file", MYL_FMT(name_of(reader, target, row)));
    if (node->type != YAML_SCALAR_NODE || is_nothing(node) || text_of(node).len == 0) {
        myl_config_problem(reader, myl_config_line(node), name, "expected a path");
        return;
    }
    myl_secret *place = (myl_secret *)(void *)((char *)target->base + row->at);
    myl_str path = path_of(reader, text_of(node));
    const char *problem = read_secret(reader, path.at, &place->text);
    if (problem != NULL)
        myl_config_problem(reader, myl_config_line(node), name,
                           "expected a readable file, got %.*s: %s", MYL_FMT(path), problem);
}
