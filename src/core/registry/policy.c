#include "core/registry/policy.h"

#include "base/json.h"
#include "base/limits.h"
#include "base/time.h"
#include "core/registry/alias.h"
#include "core/registry/history.h"
#include "core/track/store.h"
#include "sql_gen.h"

#include <inttypes.h>

struct policy_arg {
    struct str model;
    const struct registry_policy *in;
    struct registry_policy out;
};

static struct str aliases_json(struct op *op, const struct registry_policy *p)
{
    AUTO(buf) struct buf b;
    struct json_out w;
    buf_init(&b, LIMIT_MIB(1));
    json_out_init(&w, &b, 0);
    json_begin_array(&w);
    for (size_t i = 0; i < p->alias_count; i++)
        json_str(&w, p->aliases[i]);
    json_end_array(&w);
    return str_dup(op->arena, buf_str(&b));
}

static struct str stages_json(struct op *op, const struct registry_policy *p)
{
    AUTO(buf) struct buf b;
    struct json_out w;
    buf_init(&b, LIMIT_KIB(4));
    json_out_init(&w, &b, 0);
    json_begin_array(&w);
    for (unsigned i = 0; i < REGISTRY_STAGES; i++) {
        if (p->stages[i])
            json_cstr(&w, registry_stage_name((enum registry_stage)i));
    }
    json_end_array(&w);
    return str_dup(op->arena, buf_str(&b));
}

/* The rows are our own, so what does not fit is damage. */
static enum err row_read(struct op *op, const struct db_val v[8], struct registry_policy *p)
{
    struct json *aliases = NULL, *stages = NULL;
    enum err e = json_parse(op, v[1].s, JSON_STRICT, &aliases);
    if (!e)
        e = json_parse(op, v[2].s, JSON_STRICT, &stages);
    if (e || aliases->type != JSON_ARRAY || stages->type != JSON_ARRAY)
        return op_fail(op, E_CORRUPT, "the stored policy of the registry cannot be read");
    p->aliases = arena_alloc(op->arena, sizeof *p->aliases * (aliases->len + 1));
    for (uint32_t i = 0; i < aliases->len; i++)
        p->aliases[p->alias_count++] = aliases->items[i].s;
    for (uint32_t i = 0; !e && i < stages->len; i++) {
        enum registry_stage s = REGISTRY_STAGE_NONE;
        e = registry_stage_parse(op, stages->items[i].s, &s);
        p->stages[s] = true;
    }
    return e;
}

enum err registry_policy_find(struct op *op, struct db_tx *tx, int64_t model_row, struct registry_policy *ret)
{
    struct db_val v[8];
    struct registry_policy p = {.ttl_us = REGISTRY_POLICY_TTL_US, .free_rollback = true, .updated_by = STR("")};
    enum err e = db_query_one(op, tx, &sql_registry_policy_of, DB_ARGS(DB_I64(model_row)), v, ARRAY_LEN(v));
    if (e == E_NOT_FOUND) {
        op_clear(op);
        *ret = p;
        return OK;
    }
    if (!e)
        e = row_read(op, v, &p);
    if (e)
        return e;
    p.own = v[0].i != 0;
    p.ttl_us = v[3].i;
    p.self_approval = v[4].i != 0;
    p.free_rollback = v[5].i != 0;
    p.updated_us = v[6].i;
    p.updated_by = v[7].s;
    *ret = p;
    return OK;
}

bool registry_policy_has_alias(const struct registry_policy *p, struct str alias)
{
    for (size_t i = 0; i < p->alias_count; i++) {
        if (str_ieq(p->aliases[i], alias))
            return true;
    }
    return false;
}

static enum err model_row(struct op *op, struct db_tx *tx, struct str model, int64_t *ret)
{
    *ret = 0;
    return model.len ? registry_model_row(op, tx, model, ret) : OK;
}

static enum err get_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct policy_arg *a = arg;
    int64_t row = 0;
    enum err e = model_row(op, tx, a->model, &row);
    return e ? e : registry_policy_find(op, tx, row, &a->out);
}

enum err registry_policy_get(struct op *op, struct db *db, struct str model, struct registry_policy *ret)
{
    struct policy_arg a = {.model = model};
    enum err e = db_read(op, db, get_tx, &a);
    if (!e)
        *ret = a.out;
    return e;
}

static enum err set_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct policy_arg *a = arg;
    const struct registry_policy *p = a->in;
    struct str aliases = aliases_json(op, p), stages = stages_json(op, p);
    int64_t row = 0;
    enum err e = model_row(op, tx, a->model, &row);
    if (!e)
        e = db_exec(op, tx, &sql_registry_policy_put,
                    DB_ARGS(DB_I64(row), DB_TEXT(aliases), DB_TEXT(stages), DB_I64(p->ttl_us), DB_I64(p->self_approval),
                            DB_I64(p->free_rollback), DB_I64(op->now_us), DB_TEXT(op->actor.name)), NULL);
    struct track_kv detail[] = {{STR("aliases"), aliases},
                                {STR("stages"), stages},
                                {STR("ttl_us"), str_from(op_printf(op, "%" PRId64, p->ttl_us))},
                                {STR("self_approval"), p->self_approval ? STR("true") : STR("false")},
                                {STR("free_rollback"), p->free_rollback ? STR("true") : STR("false")}};
    return e ? e : store_audit(op, tx, "policy.set", "model", a->model.len ? a->model : STR("*"), detail, ARRAY_LEN(detail));
}

enum err registry_policy_set(struct op *op, struct db *db, struct str model, const struct registry_policy *p)
{
    enum err e = OK;
    if (p->alias_count > LIMIT_REGISTRY_POLICY_NAMES)
        return op_fail_field(op, "aliases", "a policy protects at most %d aliases", LIMIT_REGISTRY_POLICY_NAMES);
    for (size_t i = 0; !e && i < p->alias_count; i++)
        e = registry_alias_check(op, p->aliases[i]);
    if (!e && p->stages[REGISTRY_STAGE_NONE])
        e = op_fail_field(op, "stages", "stage 'None' cannot be protected: every version begins there");
    if (!e && (p->ttl_us < TIME_US_PER_S || p->ttl_us > LIMIT_REGISTRY_APPROVAL_DAYS * TIME_US_PER_DAY))
        e = op_fail_field(op, "expires_in", "a request waits from one second to %d days", LIMIT_REGISTRY_APPROVAL_DAYS);
    return e ? e : db_write(op, db, set_tx, &(struct policy_arg){.model = model, .in = p});
}

static enum err clear_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct policy_arg *a = arg;
    int64_t row = 0;
    enum err e = model_row(op, tx, a->model, &row);
    if (!e)
        e = store_exec_id(op, tx, &sql_registry_model_delete_policy, row);
    return e ? e : store_audit(op, tx, "policy.clear", "model", a->model.len ? a->model : STR("*"), NULL, 0);
}

enum err registry_policy_clear(struct op *op, struct db *db, struct str model)
{
    return db_write(op, db, clear_tx, &(struct policy_arg){.model = model});
}

static enum err held(struct op *op, const struct registry_version *v, const char *what, const char *kind, struct str name)
{
    return op_fail(op, E_DENIED, "version %" PRId64 " of model '%.*s' holds the protected %s '%.*s': move that first, with approval, before %s",
                   v->version, STR_FMT(v->name), kind, STR_FMT(name), what);
}

enum err registry_policy_check_version(struct op *op, struct db_tx *tx, const struct registry_version *v, const char *what)
{
    struct registry_policy p;
    enum err e = registry_policy_find(op, tx, v->model_row, &p);
    if (e)
        return e;
    if (p.stages[v->stage])
        return held(op, v, what, "stage", str_from(registry_stage_name(v->stage)));
    for (size_t i = 0; i < v->alias_count; i++) {
        if (registry_policy_has_alias(&p, v->aliases[i]))
            return held(op, v, what, "alias", v->aliases[i]);
    }
    return OK;
}

enum err registry_policy_check_model(struct op *op, struct db_tx *tx, struct str name, int64_t model_row, const char *what)
{
    struct registry_policy p;
    struct db_rows *rows = NULL;
    bool more = false;
    enum err e = registry_policy_find(op, tx, model_row, &p);
    for (unsigned s = 0; !e && s < REGISTRY_STAGES; s++) {
        struct registry_version *staged = NULL;
        size_t n = 0;
        if (p.stages[s] && !(e = registry_version_staged(op, tx, name, (enum registry_stage)s, 0, &staged, &n)) && n)
            return held(op, &staged[0], what, "stage", str_from(registry_stage_name((enum registry_stage)s)));
    }
    if (e || (e = db_query(op, tx, &sql_registry_aliases, DB_ARGS(DB_I64(model_row)), &rows)))
        return e;
    while (!(e = db_step(op, tx, rows, &more)) && more) {
        struct registry_version v = {.name = name, .version = db_col_i64(tx, rows, 1)};
        struct str alias = db_col_str(tx, rows, 0);
        if (registry_policy_has_alias(&p, alias)) {
            e = held(op, &v, what, "alias", alias);
            break;
        }
    }
    db_end(tx, rows);
    return e;
}
