/* shape.c: walks a JSON tree beside its description, checks it and fills a C struct.
 *
 * Why:     one small interpreter and constant tables, instead of generated code for every body.
 * Callers: the generated decoders (body_decoders.c), which http/ calls before a handler runs.
 * Memory:  structs and lists are made in the job; text is borrowed from the tree.
 * Holds:   recursion follows the shape, which the schema compiler bounds, never the input's depth.
 *          With out NULL everything is checked and nothing is stored.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <myelin/json_shape.h>

/* What a refusal shows of a member's foreign name. */
enum { NAME_BYTES = 64 };

/* Where the walk is: a chain of steps from the offending value up to the body. */
typedef struct step {
    const struct step *up;
    myl_str name; /* absent: an element */
    size_t index;
} step;

static myl_rc take_value(myl_ctx *cx, const myl_shape *shape, const myl_json *value,
                         const step *here, void *out);

static void add_name(myl_text *path, myl_str name)
{
    size_t end = name.len;
    if (end > NAME_BYTES) {
        end = NAME_BYTES;
        while (end > 0 && ((unsigned char)name.at[end] & 0xC0) == 0x80)
            end--;
    }
    if (path->len > 0)
        myl_text_add_byte(path, '.');
    myl_text_add(path, myl_str_slice(name, 0, end));
}

/* "invite[2]: ", or nothing for the body itself. */
static myl_str path_of(myl_ctx *cx, const step *here)
{
    const step *steps[64];
    size_t count = 0;
    for (const step *at = here; at && count < 64; at = at->up)
        steps[count++] = at;
    myl_text path = MYL_TEXT(cx);
    while (count > 0) {
        const step *at = steps[--count];
        if (myl_str_present(at->name))
            add_name(&path, at->name);
        else
            myl_text_addf(&path, "[%zu]", at->index);
    }
    if (here)
        myl_text_add(&path, MYL_S(": "));
    return myl_text_str(&path);
}

static myl_rc refuse(myl_ctx *cx, myl_rc rc, const step *here, myl_str why)
{
    myl_str path = path_of(cx, here);
    return myl_fail(cx, rc, "%.*s%.*s", MYL_FMT(path), MYL_FMT(why));
}

static size_t code_points(myl_str text)
{
    size_t count = 0;
    for (size_t i = 0; i < text.len; i++)
        count += ((unsigned char)text.at[i] & 0xC0) != 0x80;
    return count;
}

static bool is_choice(const myl_shape *shape, myl_str text)
{
    for (size_t i = 0; i < shape->choice_count; i++)
        if (myl_str_equal(shape->choices[i], text))
            return true;
    return shape->choice_count == 0;
}

static myl_str list_choices(myl_ctx *cx, const myl_shape *shape)
{
    myl_text why = MYL_TEXT(cx);
    myl_text_add(&why, MYL_S("expected one of"));
    for (size_t i = 0; i < shape->choice_count; i++) {
        myl_text_add(&why, i ? MYL_S(", ") : MYL_S(" "));
        myl_text_add(&why, shape->choices[i]);
    }
    return myl_text_str(&why);
}

/* Code points, elements or members within the shape's bounds. */
static myl_rc check_count(myl_ctx *cx, const myl_shape *shape, size_t count, const char *unit,
                          const step *here)
{
    if (count < shape->least)
        return refuse(cx, shape->wrong_value, here,
                      myl_strf(cx, "expected at least %zu %s", shape->least, unit));
    if (shape->most > 0 && count > shape->most)
        return refuse(cx, shape->wrong_value, here,
                      myl_strf(cx, "expected at most %zu %s", shape->most, unit));
    return MYL_OK;
}

static myl_rc check_text(myl_ctx *cx, const myl_shape *shape, myl_str text, const step *here)
{
    if (!is_choice(shape, text))
        return refuse(cx, shape->wrong_value, here, list_choices(cx, shape));
    if (shape->format && !shape->format->check(text))
        return refuse(cx, shape->wrong_value, here,
                      myl_strf(cx, "expected %s", shape->format->expected));
    if (shape->bytes > 0 && text.len > shape->bytes)
        return refuse(cx, shape->wrong_value, here,
                      myl_strf(cx, "expected at most %zu bytes", shape->bytes));
    if (shape->least == 0 && shape->most == 0)
        return MYL_OK;
    return check_count(cx, shape, code_points(text), "characters", here);
}

static myl_rc check_integer(myl_ctx *cx, const myl_shape *shape, int64_t value, const step *here)
{
    if (value < shape->low)
        return refuse(cx, shape->wrong_value, here,
                      myl_strf(cx, "expected at least %lld", (long long)shape->low));
    if (value > shape->high)
        return refuse(cx, shape->wrong_value, here,
                      myl_strf(cx, "expected at most %lld", (long long)shape->high));
    return MYL_OK;
}

static void store_absent(const myl_shape_field *field, char *out)
{
    bool present = false;
    switch (field->shape->into) {
    case MYL_INTO_TEXT: memcpy(out + field->at, &field->text, sizeof field->text); break;
    case MYL_INTO_INT: memcpy(out + field->at, &field->integer, sizeof field->integer); break;
    case MYL_INTO_BOOL:
        present = field->integer != 0;
        memcpy(out + field->at, &present, sizeof present);
        break;
    case MYL_INTO_TREE:
    case MYL_INTO_LIST:
    case MYL_INTO_STRUCT: break; /* zeroed memory says so already */
    }
}

/* A struct or list gets memory of its own; everything else is stored in place. */
static myl_rc take_field(myl_ctx *cx, const myl_shape_field *field, const myl_json *value,
                         const step *here, char *out)
{
    const myl_shape *shape = field->shape;
    if (!out)
        return take_value(cx, shape, value, here, NULL);
    if (shape->into != MYL_INTO_STRUCT && shape->into != MYL_INTO_LIST) {
        if (field->extra != MYL_SHAPE_NOWHERE)
            memcpy(out + field->extra, &(bool){true}, sizeof(bool));
        return take_value(cx, shape, value, here, out + field->at);
    }
    size_t count = shape->into == MYL_INTO_LIST && value->count > 0 ? value->count : 1;
    void *memory = myl_alloc_array(cx, count, shape->size);
    memcpy(out + field->at, &memory, sizeof memory);
    if (shape->into == MYL_INTO_LIST)
        memcpy(out + field->extra, &(size_t){value->count}, sizeof(size_t));
    return take_value(cx, shape, value, here, memory);
}

static bool is_field(const myl_shape *shape, myl_str name)
{
    for (size_t i = 0; i < shape->field_count; i++)
        if (myl_str_equal(shape->fields[i].name, name))
            return true;
    return false;
}

/* Members that no field names. */
static myl_rc check_others(myl_ctx *cx, const myl_shape *shape, const myl_json *object,
                           const step *here)
{
    if (!shape->items && !shape->keys)
        return MYL_OK;
    for (uint32_t i = 0; i < object->count; i++) {
        const myl_json *member = &object->items[i];
        if (is_field(shape, member->key))
            continue;
        step at = {here, member->key, 0};
        if (shape->keys && !shape->keys->check(member->key))
            return refuse(cx, shape->wrong_value, &at,
                          myl_strf(cx, "expected %s as the name", shape->keys->expected));
        if (shape->items)
            MYL_TRY(take_value(cx, shape->items, member, &at, NULL));
    }
    return MYL_OK;
}

static myl_rc take_object(myl_ctx *cx, const myl_shape *shape, const myl_json *object,
                          const step *here, char *out)
{
    MYL_TRY(check_count(cx, shape, object->count, "members", here));
    for (size_t i = 0; i < shape->field_count; i++) {
        const myl_shape_field *field = &shape->fields[i];
        const myl_json *value = myl_json_get(object, field->name);
        step at = {here, field->name, 0};
        if (!value && field->missing != MYL_OK)
            return refuse(cx, field->missing, &at, MYL_S("missing"));
        if (value && !(value->kind == MYL_JSON_NULL && (field->shape->kinds & 1U << MYL_JSON_NULL)))
            MYL_TRY(take_field(cx, field, value, &at, out));
        else if (out)
            store_absent(field, out);
    }
    if (out && shape->keep != MYL_SHAPE_NOWHERE)
        memcpy(out + shape->keep, &object, sizeof(void *));
    return check_others(cx, shape, object, here);
}

static myl_rc take_list(myl_ctx *cx, const myl_shape *shape, const myl_json *list, const step *here,
                        char *out)
{
    MYL_TRY(check_count(cx, shape, list->count, "elements", here));
    if (!shape->items)
        return MYL_OK;
    for (uint32_t i = 0; i < list->count; i++) {
        step at = {here, MYL_ABSENT, i};
        MYL_TRY(
            take_value(cx, shape->items, &list->items[i], &at, out ? out + i * shape->size : NULL));
    }
    return MYL_OK;
}

/* Trees and what needs no look inside. */
static void store_scalar(const myl_shape *shape, const myl_json *value, void *out)
{
    if (shape->into == MYL_INTO_TREE)
        *(const myl_json **)out = value;
    else if (shape->into == MYL_INTO_INT)
        *(int64_t *)out = value->integer;
    else if (shape->into == MYL_INTO_BOOL)
        *(bool *)out = value->truth;
    else if (shape->into == MYL_INTO_TEXT)
        *(myl_str *)out = myl_str_present(value->text) ? value->text : MYL_S("");
}

static myl_rc take_value(myl_ctx *cx, const myl_shape *shape, const myl_json *value,
                         const step *here, void *out)
{
    if (!(shape->kinds & 1U << value->kind))
        return refuse(cx, shape->wrong_kind, here, myl_strf(cx, "expected %s", shape->expected));
    if (out)
        store_scalar(shape, value, out);
    char *below = shape->into == MYL_INTO_TREE ? NULL : out;
    switch (value->kind) {
    case MYL_JSON_STRING: return check_text(cx, shape, value->text, here);
    case MYL_JSON_INT: return check_integer(cx, shape, value->integer, here);
    case MYL_JSON_ARRAY: return take_list(cx, shape, value, here, below);
    case MYL_JSON_OBJECT: return take_object(cx, shape, value, here, below);
    case MYL_JSON_NULL:
    case MYL_JSON_BOOL:
    case MYL_JSON_NUMBER: break;
    }
    return MYL_OK;
}

myl_rc myl_shape_decode(myl_ctx *cx, const myl_shape *shape, const myl_json *json, void *out)
{
    /* some clients send `null` where they have nothing to say */
    if (shape->optional && myl_json_is(json, MYL_JSON_NULL))
        json = NULL;
    if (!json && !shape->optional)
        return myl_fail(cx, MYL_NOT_JSON, "expected %s, but there is no body", shape->expected);
    return take_value(cx, shape, json ? json : myl_json_empty_object(), NULL, out);
}
