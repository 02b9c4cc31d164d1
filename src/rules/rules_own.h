/* rules_own.h: what the auth rules and state resolution share inside rules/.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MYELIN_RULES_OWN_H
#define MYELIN_RULES_OWN_H

#include <myelin/rules_auth.h>
#include <myelin/rules_mutate.h>

/* Steps of state resolution, by the names of resolve_steps.def. In builds that carry no mutations the macro
 * is false and costs nothing: if (MYL_STEP_LEFT_OUT(MAINLINE)) … */
typedef enum {
#define STEP(name, what) MYL_RESOLVE_##name,
#include "rules/resolve_steps.def"
#undef STEP
    MYL_RESOLVE_STEPS
} myl_resolve_part;
#ifdef MYL_MUTATIONS
#define MYL_STEP_LEFT_OUT(name) myl_resolve_left_out(MYL_RESOLVE_##name)
bool myl_resolve_left_out(myl_resolve_part part);
#else
#define MYL_STEP_LEFT_OUT(name) false
#endif

/* A power level exactly: an integer of any size (versions 1-9 take strings of digits, 1-5 also numbers beyond
 * int64 and floats), or more than every integer. Levels within int64 have length 0. */
typedef struct {
    int64_t value;  /* the level; beyond int64 the nearest int64 */
    myl_str digits; /* beyond int64: magnitude without sign and leading zeros; may hold one '.' */
    size_t
        length; /* beyond int64: digits of the integer part, with zeros behind `digits` if need be */
    bool unlimited;
} myl_level;

/* Reads a level of a power_levels event in the version's form. False: it is none. */
bool myl_level_read(myl_levels_form form, const myl_json *value, myl_level *out);
/* <0, 0, >0 by value. Unlimited levels are equal. */
int myl_level_compare(const myl_level *a, const myl_level *b);
/* Levels as the auth rules need them; the myl_power_… functions cut these to int64. */
myl_level myl_level_user(const myl_power *power, myl_str user_id);
myl_level myl_level_action(const myl_power *power, const char *key);
myl_level myl_level_event(const myl_power *power, myl_str type, bool is_state);

#endif
