#include "core/registry/preview.h"

#include "core/registry/move.h"
#include "core/registry/policy.h"
#include "core/registry/rollback.h"

struct preview_arg {
    struct db *db;
    struct registry_preview *p;
    enum err result;
    bool done; /* the act was tried: the error that follows is the undoing */
};

static enum err archives_find(struct op *op, struct db_tx *tx, struct registry_preview *p, enum registry_stage stage, int64_t except)
{
    struct registry_version *others = NULL;
    enum err e = registry_version_staged(op, tx, p->model, stage, except, &others, &p->archive_count);
    p->archives = arena_array(op->arena, p->archive_count + 1, int64_t);
    if (!e && !p->archives)
        e = op_fail(op, E_TOO_LARGE, "too many versions hold the stage");
    for (size_t i = 0; !e && i < p->archive_count; i++)
        p->archives[i] = others[i].version;
    return e;
}

static enum err move_try(struct op *op, struct db_tx *tx, struct preview_arg *a)
{
    struct registry_preview *p = a->p;
    struct registry_move m = {.model = p->model, .version = p->version, .stage = p->stage, .archive_others = p->archive_others};
    if (p->act == REGISTRY_ACT_ALIAS)
        m.alias = p->alias;
    enum err e = m.archive_others ? archives_find(op, tx, p, p->stage, p->version) : OK;
    if (!e)
        e = registry_move(op, a->db, &m);
    p->from = m.old_value;
    p->to = p->version;
    p->changed = m.changed;
    p->needs_approval = m.pending != 0;
    return m.pending ? OK : e;
}

static enum err rollback_try(struct op *op, struct db_tx *tx, struct preview_arg *a)
{
    struct registry_preview *p = a->p;
    struct registry_rollback r = {.model = p->model, .alias = p->alias, .to = p->version};
    if (!p->alias.p)
        r.stage = str_from(registry_stage_name(p->stage));
    enum err e = p->alias.p ? OK : archives_find(op, tx, p, p->stage, 0);
    if (!e)
        e = registry_rollback(op, a->db, &r);
    p->from = r.from ? str_from(op_printf(op, "%lld", (long long)r.from)) : (struct str){0};
    p->to = r.went_to;
    p->changed = r.changed;
    p->needs_approval = e == E_DENIED; /* all that a rollback is denied for */
    size_t n = 0;
    for (size_t i = 0; i < p->archive_count; i++) { /* all of the stage but the one that it goes back to */
        if (p->archives[i] != p->to)
            p->archives[n++] = p->archives[i];
    }
    p->archive_count = n;
    return p->needs_approval ? OK : e;
}

static enum err try_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct preview_arg *a = arg;
    struct registry_preview *p = a->p;
    struct registry_policy policy;
    enum err e = registry_policy_get(op, a->db, p->model, &policy);
    if (e)
        return e;
    p->self_approval = policy.self_approval;
    p->ttl_us = policy.ttl_us;
    switch (p->act) {
    case REGISTRY_ACT_ROLLBACK:
        e = rollback_try(op, tx, a);
        break;
    case REGISTRY_ACT_DELETE:
        e = registry_version_delete(op, a->db, p->model, p->version);
        p->changed = !e;
        break;
    default:
        e = move_try(op, tx, a);
    }
    a->result = e;
    a->done = true;
    if (e)
        p->why = op->msg;
    op_clear(op);
    return op_fail(op, E_CANCELLED, "a preview is undone");
}

enum err registry_preview(struct op *op, struct db *db, struct registry_preview *p)
{
    struct preview_arg a = {.db = db, .p = p};
    enum err e = db_write(op, db, try_tx, &a);
    if (!a.done)
        return e;
    op_clear(op);
    if (a.result == E_CONFLICT || a.result == E_DENIED) {
        p->refused = a.result;
        return OK;
    }
    return a.result ? op_fail(op, a.result, "%s", p->why ? p->why : "the act failed") : OK;
}

enum err registry_act_parse(struct op *op, struct str text, enum registry_act *ret)
{
    static const char *const names[] = {[REGISTRY_ACT_ALIAS] = "alias", [REGISTRY_ACT_STAGE] = "stage",
                                        [REGISTRY_ACT_ROLLBACK] = "rollback", [REGISTRY_ACT_DELETE] = "delete"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (str_eqc(text, names[i])) {
            *ret = (enum registry_act)i;
            return OK;
        }
    }
    return op_fail_field(op, "act", "act must be alias, stage, rollback or delete, not '%.*s'", STR_FMT(str_sub(text, 0, 100)));
}
