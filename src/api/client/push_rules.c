/* push_rules.c: what a user wants to be told of.
 *
 * Spec:    Client-Server API, Push Rules: API.
 * Threads: the engine for changes, read workers otherwise.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "api/client/client_own.h"

#include <myelin/push_rules.h>

static myl_rc read_kind(myl_req *req, myl_push_kind *kind)
{
    if (!myl_push_kind_of(req->path.kind, kind))
        return myl_fail(&req->cx, MYL_NOT_FOUND,
                        "kind: expected override, underride, sender, room or content");
    return MYL_OK;
}

static myl_rc read_name(myl_req *req, myl_push_name *out)
{
    *out = (myl_push_name){.user = req->caller.user,
                           .user_id = req->caller.user_id,
                           .id = req->path.rule_id};
    return read_kind(req, &out->kind);
}

static myl_rc get_set(myl_req *req, myl_push_ruleset *set)
{
    return myl_push_rules_get(&req->cx, req->caller.user, req->caller.user_id, set);
}

static myl_rc get_rule(myl_req *req, const myl_push_rule **out)
{
    myl_push_ruleset set;
    myl_push_name name;

    MYL_TRY(read_name(req, &name));
    MYL_TRY(get_set(req, &set));
    *out = myl_push_rule_find(&set, name.kind, name.id);
    if (*out == NULL)
        return myl_fail(&req->cx, MYL_NOT_FOUND, "ruleId: no such rule");
    return MYL_OK;
}

/* ---- reading ---- */

myl_rc myl_client_push_rules(myl_req *req, const myl_body_none *in)
{
    myl_writer w = myl_write_start(&req->cx, 8192);
    myl_push_ruleset set;

    MYL_UNUSED(in);
    MYL_TRY(get_set(req, &set));
    myl_write_open(&w, '{');
    myl_push_write_global(&w, "global", &set);
    myl_write_close(&w, '}');
    return myl_reply_written(req, &w);
}

myl_rc myl_client_global_push_rules(myl_req *req, const myl_body_none *in)
{
    myl_writer w = myl_write_start(&req->cx, 8192);
    myl_push_ruleset set;

    MYL_UNUSED(in);
    MYL_TRY(get_set(req, &set));
    myl_push_write_global(&w, NULL, &set);
    return myl_reply_written(req, &w);
}

myl_rc myl_client_push_rules_of_kind(myl_req *req, const myl_body_none *in)
{
    myl_writer w = myl_write_start(&req->cx, 4096);
    myl_push_ruleset set;
    myl_push_kind kind;

    MYL_UNUSED(in);
    MYL_TRY(read_kind(req, &kind));
    MYL_TRY(get_set(req, &set));
    myl_push_write_kind(&w, NULL, &set, kind);
    return myl_reply_written(req, &w);
}

myl_rc myl_client_push_rule(myl_req *req, const myl_body_none *in)
{
    myl_writer w = myl_write_start(&req->cx, 512);
    const myl_push_rule *rule;

    MYL_UNUSED(in);
    MYL_TRY(get_rule(req, &rule));
    myl_push_write_rule(&w, rule);
    return myl_reply_written(req, &w);
}

myl_rc myl_client_push_rule_enabled(myl_req *req, const myl_body_none *in)
{
    myl_writer w = myl_write_start(&req->cx, 32);
    const myl_push_rule *rule;

    MYL_UNUSED(in);
    MYL_TRY(get_rule(req, &rule));
    myl_write_open(&w, '{');
    myl_write_bool(&w, "enabled", rule->enabled);
    myl_write_close(&w, '}');
    return myl_reply_written(req, &w);
}

myl_rc myl_client_push_rule_actions(myl_req *req, const myl_body_none *in)
{
    myl_writer w = myl_write_start(&req->cx, 128);
    const myl_push_rule *rule;

    MYL_UNUSED(in);
    MYL_TRY(get_rule(req, &rule));
    myl_write_open(&w, '{');
    myl_write_json(&w, "actions", rule->actions);
    myl_write_close(&w, '}');
    return myl_reply_written(req, &w);
}

/* ---- changing ---- */

myl_rc myl_client_put_push_rule(myl_req *req, const myl_body_push_rule *in)
{
    myl_push_put put = {.user = req->caller.user,
                        .id = req->path.rule_id,
                        .conditions = in->conditions,
                        .actions = in->actions,
                        .pattern = in->pattern,
                        .before = myl_req_query(req, "before"),
                        .after = myl_req_query(req, "after")};

    MYL_TRY(read_kind(req, &put.kind));
    MYL_TRY(myl_push_rule_put(&req->cx, &put));
    return myl_reply_empty(req);
}

myl_rc myl_client_delete_push_rule(myl_req *req, const myl_body_none *in)
{
    myl_push_name name;

    MYL_UNUSED(in);
    MYL_TRY(read_name(req, &name));
    MYL_TRY(myl_push_rule_delete(&req->cx, &name));
    return myl_reply_empty(req);
}

myl_rc myl_client_put_push_rule_enabled(myl_req *req, const myl_body_push_rule_enabled *in)
{
    myl_push_name name;

    MYL_TRY(read_name(req, &name));
    MYL_TRY(myl_push_rule_enable(&req->cx, &name, in->enabled));
    return myl_reply_empty(req);
}

myl_rc myl_client_put_push_rule_actions(myl_req *req, const myl_body_push_rule_actions *in)
{
    myl_push_name name;

    MYL_TRY(read_name(req, &name));
    MYL_TRY(myl_push_rule_act(&req->cx, &name, in->actions));
    return myl_reply_empty(req);
}
