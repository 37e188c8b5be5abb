#include "core/chain/transform_fit.h"

#include <math.h>
#include <stdlib.h>

#include "base/limits.h"
#include "core/chain/step_fit.h"
#include "core/chain/words.h"

/* ---- the plan ---- */

/* Calls `each` for every column that the plan names, in order. */
struct plan_visit {
    struct op *op;
    enum err (*each)(struct plan_visit *v, const char *path, struct str name, const struct json *steps);
    struct str *names;
    size_t len;
    /* fitting */
    const struct transform_source *sources;
    size_t source_count, rows;
    const float *labels;
    struct transform_column *columns;
};

static enum err entry_visit(struct plan_visit *v, const char *path, const struct json *j)
{
    static const char *const known[] = {"column", "columns", "steps", NULL};
    static const struct json no_steps = {.type = JSON_ARRAY};
    enum err e = chain_members_check(v->op, path, j, known);
    if (e)
        return e;
    const struct json *one = json_get(j, "column"), *many = json_get(j, "columns"), *steps = json_get(j, "steps");
    if (!one == !many || (one && (one->type != JSON_STRING || !one->s.len)) || (many && (many->type != JSON_ARRAY || !many->len)))
        return op_fail_field(v->op, path, "%s must name a column, or columns as a list", path);
    if (steps && (steps->type != JSON_ARRAY || steps->len > LIMIT_CHAIN_STEPS))
        return op_fail_field(v->op, path, "%s.steps must be a list of at most %d", path, LIMIT_CHAIN_STEPS);
    const size_t n = one ? 1 : many->len;
    for (size_t i = 0; !e && i < n; i++) {
        const struct json *name = one ? one : &many->items[i];
        if (name->type != JSON_STRING || !name->s.len)
            return op_fail_field(v->op, path, "%s.columns[%zu] is not a name", path, i);
        if (v->len == LIMIT_CHAIN_COLUMNS)
            return op_fail(v->op, E_TOO_LARGE, "transform has more than %d columns", LIMIT_CHAIN_COLUMNS);
        e = v->each(v, path, name->s, steps ? steps : &no_steps);
    }
    return e;
}

static enum err plan_visit(struct plan_visit *v, const struct json *plan)
{
    static const char *const known[] = {"columns", NULL};
    enum err e = chain_members_check(v->op, "transform", plan, known);
    if (e)
        return e;
    const struct json *list = json_get(plan, "columns");
    if (!list || list->type != JSON_ARRAY || !list->len)
        return op_fail_field(v->op, "transform.columns", "transform.columns must be a list of at least one column");
    for (size_t i = 0; !e && i < list->len; i++)
        e = entry_visit(v, op_printf(v->op, "transform.columns[%zu]", i), &list->items[i]);
    return e;
}

static enum err name_add(struct plan_visit *v, const char *path, struct str name, const struct json *steps)
{
    (void)path, (void)steps;
    for (size_t i = 0; i < v->len; i++)
        if (str_eq(v->names[i], name))
            return OK;
    v->names[v->len++] = name;
    return OK;
}

enum err transform_plan_names(struct op *op, const struct json *plan, struct str **ret, size_t *ret_len)
{
    struct plan_visit v = {.op = op, .each = name_add, .names = arena_array(op->arena, LIMIT_CHAIN_COLUMNS, struct str)};
    enum err e = v.names ? plan_visit(&v, plan) : op_fail(op, E_TOO_LARGE, "no memory for the columns of the transform");
    if (e)
        return e;
    *ret = v.names;
    *ret_len = v.len;
    return OK;
}

/* ---- fitting ---- */

static enum err values_copy(struct plan_visit *v, const struct transform_source *s, struct step_column *c)
{
    c->text = s->texts != NULL;
    c->v = malloc((v->rows + 1) * sizeof(double));
    c->t = malloc((v->rows + 1) * sizeof(struct str));
    if (!c->v || !c->t)
        return op_fail(v->op, E_TOO_LARGE, "no memory for %zu rows", v->rows);
    for (size_t i = 0; i < v->rows; i++) {
        c->v[i] = s->texts ? (double)NAN : s->numbers[i];
        c->t[i] = s->texts ? s->texts[i] : STR("");
    }
    return OK;
}

/* What the next step sees. */
static enum err values_step(struct step_column *c, const struct transform_step *s)
{
    for (size_t i = 0; i < c->n; i++) {
        struct transform_cell cell = {.text = c->text, .v = c->v[i], .t = c->t[i]};
        if (!transform_step_run(s, &cell))
            return op_fail(c->op, E_INTERNAL, "%s: a category of row %zu was not found again", c->path, i);
        c->v[i] = cell.v;
        c->t[i] = cell.t;
    }
    c->text = c->text && s->kind == TRANSFORM_IMPUTE;
    return OK;
}

static struct str text_keep(struct op *op, struct str s)
{
    return s.len ? str_dup(op->arena, s) : STR("");
}

/* A step's texts outlive the rows. */
static void step_own(struct op *op, struct transform_step *s)
{
    struct transform_set *sets[] = {&s->known, &s->rare};
    s->text = text_keep(op, s->text);
    for (size_t k = 0; k < ARRAY_LEN(sets); k++)
        for (size_t i = 0; sets[k]->texts && i < sets[k]->len; i++)
            ((struct str *)(uintptr_t)sets[k]->texts)[i] = text_keep(op, sets[k]->texts[i]);
}

static enum err column_fit(struct plan_visit *v, const char *path, struct str name, const struct json *steps)
{
    const struct transform_source *s = NULL;
    for (size_t i = 0; i < v->source_count; i++)
        s = str_eq(v->sources[i].name, name) ? &v->sources[i] : s;
    if (!s)
        return op_fail_field(v->op, path, "%s: there is no column \"%.*s\"", path, STR_FMT(name));
    struct step_column c = {.op = v->op, .n = v->rows, .labels = v->labels};
    struct transform_step *list = arena_array(v->op->arena, (size_t)steps->len + 1, struct transform_step);
    struct transform_column *column = &v->columns[v->len++];
    *column = (struct transform_column){.name = str_dup(v->op->arena, name), .text = s->texts != NULL, .steps = list, .step_count = steps->len};
    enum err e = list ? values_copy(v, s, &c) : op_fail(v->op, E_TOO_LARGE, "no memory for the steps");
    for (size_t i = 0; !e && i < steps->len; i++) {
        c.path = op_printf(v->op, "%s.steps[%zu] of \"%.*s\"", path, i, STR_FMT(name));
        if (i && transform_step_is_wide(&list[i - 1]))
            e = op_fail_field(v->op, c.path, "%s stands behind a step that makes several values", c.path);
        if (!e)
            e = step_fit(&c, &steps->items[i], &list[i]);
        if (!e)
            step_own(v->op, &list[i]);
        if (!e && !transform_step_is_wide(&list[i]))
            e = values_step(&c, &list[i]);
    }
    free(c.v);
    free(c.t);
    return e;
}

static void ranges_note(const struct transform_source *sources, size_t n, size_t rows, struct transform *t)
{
    for (size_t i = 0; i < t->input_count; i++) {
        struct transform_input *in = (struct transform_input *)(uintptr_t)&t->inputs[i];
        for (size_t k = 0; k < n; k++) {
            for (size_t r = 0; str_eq(sources[k].name, in->name) && sources[k].numbers && r < rows; r++) {
                const double v = sources[k].numbers[r];
                if (!isfinite(v))
                    continue;
                in->min = isnan(in->min) || v < in->min ? v : in->min;
                in->max = isnan(in->max) || v > in->max ? v : in->max;
            }
        }
    }
}

enum err transform_fit(struct op *op, const struct json *plan, const struct transform_source *sources, size_t source_count, size_t rows,
                       const float *labels, struct transform **ret)
{
    struct transform *t = op_new(op, struct transform);
    struct plan_visit v = {.op = op, .each = column_fit, .sources = sources, .source_count = source_count, .rows = rows, .labels = labels,
                           .columns = arena_array(op->arena, LIMIT_CHAIN_COLUMNS, struct transform_column)};
    if (!v.columns)
        return op_fail(op, E_TOO_LARGE, "no memory for the columns of the transform");
    if (!rows)
        return op_fail(op, E_INVALID, "there are no rows to fit the transform on");
    enum err e = plan_visit(&v, plan);
    t->columns = v.columns;
    t->column_count = v.len;
    if (!e)
        e = transform_seal(op, t);
    if (e)
        return e;
    ranges_note(sources, source_count, rows, t);
    *ret = t;
    return OK;
}
