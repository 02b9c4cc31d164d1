/* rules_auth.h: may this event be? The auth rules of every room version, as pure functions.
 *
 * Spec: Room versions, Authorisation rules; Server-Server API, Auth events selection. No store, no network,
 * no clock. Threads: any.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MYELIN_RULES_AUTH_H
#define MYELIN_RULES_AUTH_H

#include <myelin/matrix_event.h>

/* The state that an event is judged against. `find` returns the state event or NULL (none); what it returns
 * must live until the judgement ends. The create event is found by ("m.room.create", ""), in every version. */
typedef struct {
    const myl_event *(*find)(void *arg, const char *type, myl_str state_key);
    void *arg;
} myl_auth_state;

/* The verdict. `rule` is the number as the version's page renders it ("5.3.1"): process lifetime. */
typedef struct {
    bool allowed;
    const char *rule;
    const char *reason; /* fixed words, process lifetime */
} myl_verdict;

/* Judges everything but the event's own auth_events list. Signatures count as good, also that of the rule on
 * join_authorised_via_users_server: callers check them before (myl_event_signers). A verdict that no rule made
 * has the empty number. */
myl_verdict myl_rules_auth(myl_ctx *cx, const myl_event *event, const myl_auth_state *state);

/* The rules on the event's own auth_events list (versions 1-11: also the presence of the create event; 12: the room
 * id). `auth_events` are the decoded ones, in order; NULL where unknown, which counts as rejected. `create` is the
 * room's create event. A create event has no such rules. */
myl_verdict myl_rules_auth_events(myl_ctx *cx, const myl_event *event,
                                  const myl_event *const *auth_events, size_t count,
                                  const myl_event *create);

/* The (type, state key) pairs that an event with these fields needs (auth events selection).
 * At most MYL_AUTH_NEEDS; the create event is left out where the version says so. */
#define MYL_AUTH_NEEDS 8
typedef struct {
    const char *type;
    myl_str state_key;
} myl_auth_need;
size_t myl_rules_auth_needs(const myl_room_version *version, myl_str type, myl_str state_key,
                            myl_str sender, const myl_json *content,
                            myl_auth_need needs[MYL_AUTH_NEEDS]);

/* Power levels (m.room.power_levels with the defaults of its absence). Levels of creators where they are
 * unlimited: MYL_POWER_UNLIMITED. */
#define MYL_POWER_UNLIMITED INT64_MAX
typedef struct {
    const myl_room_version *version;
    const myl_event *create;
    const myl_event *levels; /* NULL: none */
} myl_power;
int64_t myl_power_user(const myl_power *power, myl_str user_id);
/* key: "ban", "kick", "redact", "invite", "users_default", "events_default", "state_default". */
int64_t myl_power_action(const myl_power *power, const char *key);
/* What sending an event of this type takes. */
int64_t myl_power_event(const myl_power *power, myl_str type, bool is_state);
/* notifications.<key>, default 50 ("room"). */
int64_t myl_power_notification(const myl_power *power, myl_str key);
bool myl_power_is_creator(const myl_power *power, myl_str user_id);

/* May this redaction be applied to `target` (versions 3+: at least the redact level, or same domain)? */
bool myl_rules_may_redact(const myl_event *redaction, const myl_event *target,
                          const myl_power *power);

#endif
