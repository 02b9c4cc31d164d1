/* json_shape.h: request bodies checked and decoded by description.
 *
 * A shape says what a JSON value must look like and where its parts go in a C struct. tools/schema-compiler
 * makes the shapes from schemas/ (body_decoders.c); nobody writes one by hand. Shapes are constants.
 * Unknown members are ignored. Absent text is MYL_ABSENT, absent lists, structs and trees are NULL; an integer
 * or boolean without default has a `has_` flag beside it. A list that is there but empty is not NULL.
 * Threads: any; what is decoded lives in the job and borrows from the JSON tree.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MYELIN_JSON_SHAPE_H
#define MYELIN_JSON_SHAPE_H

#include <myelin/json_value.h>

/* How a value is stored. */
typedef enum {
    MYL_INTO_TREE,  /* const myl_json *: checked, handed over as it is */
    MYL_INTO_TEXT,  /* myl_str */
    MYL_INTO_INT,   /* int64_t, and bool at `extra` when it has no default */
    MYL_INTO_BOOL,  /* bool, the same */
    MYL_INTO_LIST,  /* const T *, and size_t at `extra`: the count */
    MYL_INTO_STRUCT /* const T *; elements of lists are the struct itself */
} myl_shape_into;

/* A check of text with its name in refusals: "a user id". */
typedef struct {
    const char *expected;
    bool (*check)(myl_str text);
} myl_shape_format;

#define MYL_SHAPE_NOWHERE SIZE_MAX

typedef struct myl_shape myl_shape;

/* A named member of an object. */
typedef struct {
    myl_str name;
    const myl_shape *shape;
    size_t at;       /* offset of the value in the struct */
    size_t extra;    /* offset of the count or has_ flag; MYL_SHAPE_NOWHERE: none */
    myl_rc missing;  /* the code when it is not there; MYL_OK: it may be left out */
    bool preset;     /* it has a default: */
    int64_t integer; /* of integers and booleans */
    myl_str text;    /* of text */
} myl_shape_field;

struct myl_shape {
    unsigned kinds; /* accepted kinds, bits 1 << myl_json_kind; null counts as absent */
    myl_shape_into into;
    const char *expected; /* of the kinds: "a string" */
    myl_rc wrong_kind;    /* the codes of refusals */
    myl_rc wrong_value;
    bool optional; /* of whole bodies: none sent counts as {} */
    size_t size;   /* bytes of the struct, or of a list's element */
    size_t keep;   /* offset of the tree kept beside the fields; MYL_SHAPE_NOWHERE: none */
    const myl_shape_field *fields;
    size_t field_count;
    const myl_shape *items; /* of elements, or of members that no field names; NULL: anything */
    const myl_shape_format *keys; /* of the names of those members */
    const myl_shape_format *format;
    const myl_str *choices; /* text that is allowed; none: all */
    size_t choice_count;
    int64_t low, high;  /* of integers */
    size_t least, most; /* code points, elements or members; most 0: no limit */
    size_t bytes;       /* most bytes of text; 0: no limit */
};

/* Decodes a whole body into `out`, shape->size zeroed bytes. json NULL (no body was sent): taken as {} when the
 * shape is optional, MYL_NOT_JSON otherwise. A refusal's detail begins with the path of the offending value:
 * "invite[2]: expected a user id". */
myl_rc myl_shape_decode(myl_ctx *cx, const myl_shape *shape, const myl_json *json, void *out);

#endif
