/* matrix_version.h: room versions as rows of one table, src/matrix/room_versions.def.
 *
 * Code asks the row what holds; it never compares version numbers.
 * Spec: Room versions 1-12. Threads: any; rows are constants.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MYELIN_MATRIX_VERSION_H
#define MYELIN_MATRIX_VERSION_H

#include <myelin/json_value.h>

typedef enum {
    MYL_EVENT_ID_GIVEN,
    MYL_EVENT_ID_HASH_STANDARD,
    MYL_EVENT_ID_HASH_URL
} myl_event_id_form;
typedef enum { MYL_STATE_RES_V1, MYL_STATE_RES_V2, MYL_STATE_RES_V21 } myl_state_res;
/* Which levels a power_levels event may hold. */
typedef enum {
    MYL_LEVELS_LOOSE,   /* integers, strings of integers, floats truncated (1-5) */
    MYL_LEVELS_STRINGS, /* integers and strings of integers (6-9) */
    MYL_LEVELS_INTEGERS /* integers only (10+) */
} myl_levels_form;
typedef enum {
    MYL_REDACTION_V1, /* 1-5 */
    MYL_REDACTION_V6, /* 6, 7 */
    MYL_REDACTION_V8,
    MYL_REDACTION_V9, /* 9, 10 */
    MYL_REDACTION_V11 /* 11, 12 */
} myl_redaction_set;
/* The lists of auth rules that differ in words or numbers. Several versions share a page. */
typedef enum {
    MYL_RULES_V1, /* 1, 2 */
    MYL_RULES_V3, /* 3-5 */
    MYL_RULES_V6,
    MYL_RULES_V7,
    MYL_RULES_V8, /* 8, 9 */
    MYL_RULES_V10,
    MYL_RULES_V11,
    MYL_RULES_V12,
    MYL_RULES_PAGES
} myl_rules_page;

typedef struct {
    const char *name; /* "11" */
    myl_event_id_form event_id;
    myl_state_res state_res;
    myl_redaction_set redaction;
    myl_levels_form levels;
    myl_rules_page page;     /* the auth rules' page, whose numbers the verdicts carry */
    bool strict_json;        /* canonical JSON is enforced (6+) */
    bool pair_references;    /* prev/auth events are [id, {"sha256"}] pairs (1, 2) */
    bool aliases_rule;       /* auth rule for m.room.aliases (1-5) */
    bool redaction_rule;     /* auth rule for m.room.redaction (1, 2) */
    bool redacts_in_content; /* 11+ */
    bool creator_in_content; /* content.creator is required (1-10) */
    bool knock;              /* 7+ */
    bool restricted;         /* 8+ */
    bool knock_restricted;   /* 10+ */
    bool notifications_rule; /* levels of notifications are checked (6+) */
    bool room_id_is_create;  /* room id is the create event's hash (12) */
    bool creators_unlimited; /* creators have unlimited power (12) */
    bool key_validity;       /* valid_until_ts of signing keys is enforced (5+) */
    bool byte_limits; /* types and state keys are measured in bytes (11+), not in characters */
    bool owned_state; /* state keys "<user id>_…" are that user's (MSC3757) */
    bool unstable;    /* not of the specification */
} myl_room_version;

/* The row named so, or NULL. */
const myl_room_version *myl_room_version_find(myl_str name);
size_t myl_room_version_count(void);
const myl_room_version *myl_room_version_at(size_t index);

#endif
