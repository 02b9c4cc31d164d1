/* version.c: the room versions as rows.
 *
 * Why:     what differs between versions is data, so that no code compares version numbers.
 * Callers: everything that handles events.
 * Threads: any; rows are constants.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <myelin/matrix_version.h>

#define y true
#define n false
#define VERSION(name_, id_, resolution_, redaction_, levels_, page_, ...)                          \
    {name_,                                                                                        \
     MYL_EVENT_ID_##id_,                                                                           \
     MYL_STATE_RES_##resolution_,                                                                  \
     MYL_REDACTION_##redaction_,                                                                   \
     MYL_LEVELS_##levels_,                                                                         \
     MYL_RULES_##page_,                                                                            \
     __VA_ARGS__},
static const myl_room_version versions[] = {
#include "matrix/room_versions.def"
};
#undef VERSION
#undef y
#undef n

const myl_room_version *myl_room_version_find(myl_str name)
{
    for (size_t i = 0; i < myl_room_version_count(); i++) {
        if (myl_str_equal(myl_str_of(versions[i].name), name))
            return &versions[i];
    }
    return NULL;
}

size_t myl_room_version_count(void)
{
    return sizeof versions / sizeof *versions;
}

const myl_room_version *myl_room_version_at(size_t index)
{
    MYL_ASSERT(index < myl_room_version_count());
    return &versions[index];
}
