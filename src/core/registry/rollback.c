/* The history is read as a stack. Going through the changes of the alias (or into the stage) from the oldest on, a version
 * that was set is pushed; one that a rollback set takes off what lies above it. The top is where the alias stands by this account;
 * the way back is the first live version below. Changes made before the model was deleted and made anew under its name do not
 * count: their numbers mean other versions. */
#include "core/registry/rollback.h"

#include "base/limits.h"
#include "base/vec.h"
#include "core/registry/alias.h"
#include "core/registry/history.h"
#include "core/registry/move.h"

#include <inttypes.h>

struct step {
    int64_t version;
    bool back; /* set by a rollback */
};
struct past {
    struct str kind, subject; /* the alias, or the stage's name */
    VEC(struct step) steps;   /* newest first */
};

static enum err step_add(struct op *op, void *arg, const struct registry_change *c, bool *ret_go_on)
{
    struct past *p = arg;
    bool alias = str_eqc(p->kind, "alias");
    int64_t version = 0;
    if (str_eqc(c->kind, "model")) {
        *ret_go_on = false;
        return OK;
    }
    if (!str_eq(c->kind, p->kind) || !c->new_value.p || !str_eq(alias ? c->subject : c->new_value, p->subject) ||
        !str_parse_i64(alias ? c->new_value : c->subject, &version))
        return OK;
    struct step *s = vec_push(&p->steps, op->arena);
    if (!s)
        return op_fail(op, E_TOO_LARGE, "the history does not fit in memory");
    *s = (struct step){version, str_eqc(c->action, "rollback")};
    *ret_go_on = p->steps.len < LIMIT_REGISTRY_HISTORY_WALK;
    return OK;
}

/* The stack, bottom first, in place of the steps' versions. */
static size_t stack_make(const struct past *p, int64_t *stack)
{
    size_t n = 0;
    for (size_t i = p->steps.len; i-- > 0;) {
        const struct step *s = &p->steps.p[i];
        size_t at = n;
        while (s->back && at > 0 && stack[at - 1] != s->version)
            at--;
        if (s->back && at > 0)
            n = at;
        else
            stack[n++] = s->version;
    }
    return n;
}

static bool was_there(const struct past *p, int64_t version)
{
    for (size_t i = 0; i < p->steps.len; i++) {
        if (p->steps.p[i].version == version)
            return true;
    }
    return false;
}

static enum err is_live(struct op *op, struct db_tx *tx, struct str model, int64_t version, bool *ret)
{
    struct registry_version v;
    enum err e = registry_version_find(op, tx, model, version, &v);
    *ret = !e;
    if (e == E_NOT_FOUND)
        op_clear(op);
    return e == E_NOT_FOUND ? OK : e;
}

/* Where it stands now; 0: nowhere. */
static enum err now_find(struct op *op, struct db_tx *tx, const struct registry_rollback *r, enum registry_stage stage, int64_t *ret)
{
    struct registry_version *staged = NULL;
    int64_t row = 0;
    size_t n = 0;
    enum err e = registry_model_row(op, tx, r->model, &row);
    if (!e && r->alias.p)
        return registry_alias_now(op, tx, row, r->alias, ret);
    if (!e)
        e = registry_version_staged(op, tx, r->model, stage, 0, &staged, &n);
    *ret = n ? staged[0].version : 0;
    return e;
}

static enum err target_find(struct op *op, struct db_tx *tx, const struct registry_rollback *r, const struct past *p, int64_t *ret)
{
    int64_t *stack = arena_array(op->arena, p->steps.len + 1, int64_t);
    if (!stack)
        return op_fail(op, E_TOO_LARGE, "the history does not fit in memory");
    bool live = false;
    enum err e = OK;
    for (size_t i = stack_make(p, stack); !e && !live && i-- > 0;) {
        if (stack[i] == r->from)
            continue;
        *ret = stack[i];
        e = is_live(op, tx, r->model, stack[i], &live);
    }
    if (!e && !live)
        return op_fail(op, E_CONFLICT, "%s '%.*s' of model '%.*s' has no earlier version to go back to", r->alias.p ? "alias" : "stage",
                       STR_FMT(p->subject), STR_FMT(r->model));
    return e;
}

struct rollback_arg {
    struct registry_rollback *r;
    enum registry_stage stage;
    struct registry_move move;
};

static enum err rollback_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct rollback_arg *a = arg;
    struct registry_rollback *r = a->r;
    struct past past = {.kind = r->alias.p ? STR("alias") : STR("stage"),
                        .subject = r->alias.p ? r->alias : str_from(registry_stage_name(a->stage))};
    int64_t to = r->to;
    enum err e = now_find(op, tx, r, a->stage, &r->from);
    if (!e)
        e = registry_history_each(op, tx, r->model, 0, step_add, &past);
    if (!e && !to)
        e = target_find(op, tx, r, &past, &to);
    if (e)
        return e;
    a->move = (struct registry_move){.model = r->model, .alias = r->alias, .version = to, .stage = a->stage, .archive_others = !r->alias.p};
    a->move.action = was_there(&past, to) ? REGISTRY_MOVE_ROLLBACK : REGISTRY_MOVE_PLAIN;
    r->went_to = to;
    e = registry_move_make(op, tx, &a->move);
    r->changed = a->move.changed;
    return e;
}

enum err registry_rollback(struct op *op, struct db *db, struct registry_rollback *r)
{
    struct rollback_arg a = {.r = r};
    enum err e = registry_reason_check(op);
    if (!e && r->alias.p)
        e = registry_alias_check(op, r->alias);
    else if (!e)
        e = registry_stage_parse(op, r->stage, &a.stage);
    if (!e && !r->alias.p && a.stage != REGISTRY_STAGE_STAGING && a.stage != REGISTRY_STAGE_PRODUCTION)
        e = op_fail_field(op, "stage", "only Staging and Production can be rolled back");
    if (!e)
        e = db_write(op, db, rollback_tx, &a);
    return e ? e : registry_move_refusal(op, &a.move);
}
