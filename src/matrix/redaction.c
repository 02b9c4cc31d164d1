/* redaction.c: what is left of an event when it is redacted.
 *
 * Why:     the kept keys are rows of redactions.def; signatures and ids hold over this form.
 * Callers: hashing and signing in this folder; room/ when a redaction is applied.
 * Threads: any.
 * Memory:  the result shares its values with the event; new objects are in the job.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "matrix/matrix_own.h"

typedef struct {
    myl_str type; /* absent: top level */
    myl_str key;
    myl_redaction_set first, last;
} kept_key;

static const kept_key rows[] = {
#define TOP(key, first, last)                                                                      \
    {{NULL, 0}, MYL_S_INIT(key), MYL_REDACTION_##first, MYL_REDACTION_##last},
#define CONTENT(type, key, first, last)                                                            \
    {MYL_S_INIT(type), MYL_S_INIT(key), MYL_REDACTION_##first, MYL_REDACTION_##last},
#include "matrix/redactions.def"
#undef TOP
#undef CONTENT
};
#define ROWS (sizeof rows / sizeof *rows)

const myl_json *myl_matrix_object(myl_ctx *cx, const myl_json *members, size_t count)
{
    myl_json *object = myl_new(cx, myl_json);
    object->kind = MYL_JSON_OBJECT;
    object->count = (uint32_t)count;
    object->items = members;
    return object;
}

const myl_json *myl_matrix_drop(myl_ctx *cx, const myl_json *object, const myl_str *names,
                                size_t count)
{
    size_t found = 0;
    for (size_t i = 0; i < count; i++)
        found += myl_json_get(object, names[i]) != NULL;
    if (found == 0)
        return object;
    myl_json *members = myl_new_array(cx, myl_json, object->count);
    size_t kept = 0;
    for (size_t i = 0; i < object->count; i++) {
        bool drop = false;
        for (size_t k = 0; k < count; k++)
            drop |= myl_str_equal(object->items[i].key, names[k]);
        if (!drop)
            members[kept++] = object->items[i];
    }
    return myl_matrix_object(cx, members, kept);
}

/* The members of `object` whose keys have a row for this type and set. */
static const myl_json *keep_rows(myl_ctx *cx, myl_redaction_set set, myl_str type,
                                 const myl_json *object)
{
    myl_json *members = NULL;
    size_t kept = 0;
    for (size_t i = 0; i < ROWS; i++) {
        const kept_key *row = &rows[i];
        if (set < row->first || set > row->last ||
            myl_str_present(row->type) != myl_str_present(type) || !myl_str_equal(row->type, type))
            continue;
        const myl_json *member = myl_json_get(object, row->key);
        if (member == NULL)
            continue;
        if (members == NULL)
            members = myl_new_array(cx, myl_json, ROWS - i);
        members[kept++] = *member;
    }
    return kept == 0 ? myl_json_empty_object() : myl_matrix_object(cx, members, kept);
}

/* Set V11: of third_party_invite only `signed` stays; what is no object holds no such key and goes. */
static const myl_json *keep_signed(myl_ctx *cx, const myl_json *content)
{
    myl_str key = MYL_S("third_party_invite");
    const myl_json *invite = myl_json_get(content, key);
    if (invite == NULL)
        return content;
    if (invite->kind != MYL_JSON_OBJECT)
        return myl_json_without(cx, content, key);
    const myl_json *kept = myl_json_empty_object();
    const myl_json *signed_part = MYL_JSON_AT(invite, "signed");
    if (signed_part != NULL)
        kept = myl_json_with(cx, kept, MYL_S("signed"), signed_part);
    return myl_json_with(cx, content, key, kept);
}

const myl_json *myl_matrix_redact_content(myl_ctx *cx, const myl_room_version *version,
                                          myl_str type, const myl_json *content)
{
    bool all = version->redaction == MYL_REDACTION_V11;
    if (all && myl_str_equal(type, MYL_S("m.room.create")))
        return content;
    if (!myl_str_present(type))
        return myl_json_empty_object();
    const myl_json *kept = keep_rows(cx, version->redaction, type, content);
    return all && myl_str_equal(type, MYL_S("m.room.member")) ? keep_signed(cx, kept) : kept;
}

const myl_json *myl_event_redact(myl_ctx *cx, const myl_room_version *version, const myl_json *json)
{
    const myl_json *top = keep_rows(cx, version->redaction, MYL_ABSENT, json);
    const myl_json *content = MYL_JSON_AT(top, "content");
    if (content == NULL)
        return top;
    content = myl_matrix_redact_content(cx, version, myl_json_text(json, MYL_S("type")), content);
    return myl_json_with(cx, top, MYL_S("content"), content);
}
