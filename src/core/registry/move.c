#include "core/registry/move.h"

#include "base/limits.h"
#include "base/time.h"
#include "core/audit/audit.h"
#include "core/registry/alias.h"
#include "core/registry/approval.h"
#include "core/registry/history.h"
#include "core/track/store.h"
#include "core/webhook/raise.h"
#include "sql_gen.h"

#include <inttypes.h>

static const char *const action_names[] = {"", "rollback", "approval"};

static struct str number(struct op *op, int64_t v)
{
    return v ? str_from(op_printf(op, "%" PRId64, v)) : (struct str){0};
}

/* What the move needs to know; filled once. */
struct scene {
    int64_t model_row;
    struct registry_version v; /* row 0: the alias is removed */
    struct registry_policy policy;
};

static enum err reason_find(struct op *op, struct db_tx *tx, struct registry_move *m, const struct scene *s)
{
    bool found = false;
    if (m->reason.p)
        return OK;
    m->reason = op->reason.p ? op->reason : STR("");
    if (m->reason.len || !s->v.row)
        return OK;
    struct str tag = STR("");
    enum err e = store_find_text(op, tx, &sql_registry_version_tag_get, s->v.row, STR(REGISTRY_REASON_TAG), &found, &tag);
    if (!e && found)
        m->reason = names_clip(tag, LIMIT_REGISTRY_REASON);
    return e;
}

static enum err scene_load(struct op *op, struct db_tx *tx, struct registry_move *m, struct scene *s)
{
    int64_t now = 0;
    enum err e = m->version ? registry_version_find(op, tx, m->model, m->version, &s->v) : OK; /* first: MLflow names the version */
    if (!e)
        e = registry_model_row(op, tx, m->model, &s->model_row);
    if (!e && m->alias.p)
        e = registry_alias_now(op, tx, s->model_row, m->alias, &now);
    if (!e)
        e = registry_policy_find(op, tx, s->model_row, &s->policy);
    if (e)
        return e;
    m->old_value = m->alias.p ? number(op, now) : str_from(registry_stage_name(s->v.stage));
    return reason_find(op, tx, m, s);
}

static bool is_protected(const struct registry_move *m, const struct scene *s)
{
    if (m->action == REGISTRY_MOVE_APPROVED || (m->action == REGISTRY_MOVE_ROLLBACK && s->policy.free_rollback))
        return false;
    if (m->alias.p)
        return registry_policy_has_alias(&s->policy, m->alias);
    return s->policy.stages[m->stage] || s->policy.stages[s->v.stage];
}

/* The refused attempt is recorded as one, beside the request that it became. */
static enum err request(struct op *op, struct db_tx *tx, struct registry_move *m, const struct scene *s)
{
    struct registry_approval wish = {
        .model_row = s->model_row,
        .model = m->model,
        .kind = m->alias.p ? STR("alias") : STR("stage"),
        .subject = m->alias.p ? m->alias : str_from(registry_stage_name(m->stage)),
        .version = m->version,
        .old_value = m->old_value.p ? m->old_value : STR(""),
        .archive_others = m->archive_others,
        .reason = m->reason,
    };
    enum err e = registry_approval_open(op, tx, &wish, &s->policy, &m->pending, &m->pending_until_us);
    const char *detail = op_printf(op, "{\"approval\":%" PRId64 "}", m->pending);
    return e ? e : audit_append_denied(op, tx, m->alias.p ? STR("alias.set") : STR("stage.set"), STR("model"), m->model, str_from(detail));
}

static enum err stage_one(struct op *op, struct db_tx *tx, const struct registry_move *m, const struct registry_version *v, enum registry_stage stage)
{
    struct registry_change c = {.kind = STR("stage"), .subject = number(op, v->version), .old_value = str_from(registry_stage_name(v->stage)),
                                .new_value = str_from(registry_stage_name(stage)), .action = str_from(action_names[m->action]),
                                .reason = m->reason, .approval = m->approval};
    if (v->version != m->version)
        c.action = STR("archive");
    enum err e = db_exec(op, tx, &sql_registry_version_set_stage, DB_ARGS(DB_I64(v->row), DB_I64(stage), DB_I64(store_now_ms(op))), NULL);
    return e ? e : registry_history_add(op, tx, m->model, &c);
}

static enum err stage_make(struct op *op, struct db_tx *tx, struct registry_move *m, const struct scene *s)
{
    struct registry_version *others = NULL;
    size_t n = 0;
    enum err e = m->archive_others ? registry_version_staged(op, tx, m->model, m->stage, m->version, &others, &n) : OK;
    if (e || (s->v.stage == m->stage && !n))
        return e;
    if (is_protected(m, s))
        return request(op, tx, m, s);
    for (size_t i = 0; !e && i < n; i++)
        e = stage_one(op, tx, m, &others[i], REGISTRY_STAGE_ARCHIVED);
    if (!e && s->v.stage != m->stage)
        e = stage_one(op, tx, m, &s->v, m->stage);
    m->changed = !e;
    return e;
}

static enum err alias_make(struct op *op, struct db_tx *tx, struct registry_move *m, const struct scene *s)
{
    struct str wanted = number(op, m->version);
    if (str_eq(m->old_value, wanted)) /* MLflow tells of each call, changed or not */
        return webhook_raise_alias(op, tx, m->model, m->alias, m->version);
    if (is_protected(m, s))
        return request(op, tx, m, s);
    enum err e = m->version ? db_exec(op, tx, &sql_registry_alias_put, DB_ARGS(DB_I64(s->model_row), DB_TEXT(m->alias), DB_I64(m->version)), NULL)
                            : db_exec(op, tx, &sql_registry_alias_delete, DB_ARGS(DB_I64(s->model_row), DB_TEXT(m->alias)), NULL);
    if (!e)
        e = db_exec(op, tx, &sql_registry_model_touch, DB_ARGS(DB_I64(s->model_row), DB_I64(store_now_ms(op))), NULL);
    if (!e)
        e = webhook_raise_alias(op, tx, m->model, m->alias, m->version);
    struct registry_change c = {.kind = STR("alias"), .subject = m->alias, .old_value = m->old_value, .new_value = wanted,
                                .action = str_from(action_names[m->action]), .reason = m->reason, .approval = m->approval};
    m->changed = !e;
    return e ? e : registry_history_add(op, tx, m->model, &c);
}

enum err registry_move_make(struct op *op, struct db_tx *tx, struct registry_move *m)
{
    struct scene s = {0};
    m->changed = false;
    m->pending = 0;
    enum err e = scene_load(op, tx, m, &s);
    if (e)
        return e;
    if (m->expected.p && !str_eq(m->expected, m->old_value))
        return op_fail(op, E_CONFLICT, "the %s has moved since the request was made, from '%.*s' to '%.*s': ask again",
                       m->alias.p ? "alias" : "version", STR_FMT(m->expected), STR_FMT(m->old_value));
    return m->alias.p ? alias_make(op, tx, m, &s) : stage_make(op, tx, m, &s);
}

enum err registry_move_refusal(struct op *op, const struct registry_move *m)
{
    char until[32];
    if (!m->pending)
        return OK;
    until[time_format(m->pending_until_us / TIME_US_PER_S * TIME_US_PER_S, until)] = 0;
    const char *what = m->alias.p ? op_printf(op, "alias '%.*s' of model '%.*s'", STR_FMT(m->alias), STR_FMT(m->model))
                                  : op_printf(op, "the move of model '%.*s' version %" PRId64 " from stage '%.*s' to '%s'", STR_FMT(m->model),
                                              m->version, STR_FMT(m->old_value), registry_stage_name(m->stage));
    return op_fail(op, E_DENIED,
                   "%s is protected; nothing was changed. Request %" PRId64 " waits until %s for another person, who approves it with "
                   "'ingot model approve %" PRId64 "' or POST /api/ingot/v1/approvals/%" PRId64 " {\"action\": \"approve\"}.",
                   what, m->pending, until, m->pending, m->pending);
}

static enum err move_tx(struct op *op, struct db_tx *tx, void *arg)
{
    return registry_move_make(op, tx, arg);
}

enum err registry_move(struct op *op, struct db *db, struct registry_move *m)
{
    enum err e = registry_reason_check(op);
    if (!e)
        e = db_write(op, db, move_tx, m);
    return e ? e : registry_move_refusal(op, m);
}
