/* rules_mutate.h: leaving out one rule at a time, for the proof that the tests would notice.
 *
 * In builds with MYL_DEV or MYL_FAULTS only; elsewhere this code does not exist. A rejecting rule that is
 * left out passes on to the next; an allowing one is skipped. Names are the rows of src/rules/auth_rules.def
 * ("JOIN_BANNED"; where the code differs between rule pages one name a group, "JOIN_INVITED@7") and of
 * src/rules/resolve_steps.def ("RESOLVE_…").
 * Threads: set before any judgement, then read from any.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MYELIN_RULES_MUTATE_H
#define MYELIN_RULES_MUTATE_H

#include <myelin/base_ctx.h>

#if defined(MYL_DEV) || defined(MYL_FAULTS)
#define MYL_MUTATIONS 1

/* The name at `index`, in the job; absent behind the last. */
myl_str myl_rules_mutation_at(myl_ctx *cx, size_t index);
/* Leave out the rule of this name from now on; absent: none. False: no such name. */
bool myl_rules_mutate(myl_ctx *cx, myl_str name);
#endif

#endif
