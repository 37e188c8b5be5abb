#include "core/serve/extras.h"

#include <math.h>

#include "base/limits.h"
#include "core/chain/transform_format.h"
#include "core/serve/chained.h"
#include "core/serve/version.h"

/* The ranges of a reference that has the model's features by name; without such a one they are not known. */
static enum err ranges_read(struct op *op, struct str reference, const struct serve_version *v, struct extras *x)
{
    struct monitor_reference ref;
    enum err e = monitor_reference_parse(op, reference, &ref);
    if (e || ref.features != v->info->features)
        return e;
    double *mins = arena_array(x->arena, ref.features + 1, double), *maxs = arena_array(x->arena, ref.features + 1, double);
    if (!mins || !maxs)
        return op_fail(op, E_TOO_LARGE, "no memory for the ranges of %zu features", ref.features);
    for (size_t k = 0; k < ref.features; k++) {
        if (v->info->feature_names && !str_eq(ref.names[k], v->info->feature_names[k]))
            return OK;
        mins[k] = maxs[k] = NAN;
        for (size_t i = 0; i < ref.rows; i++) {
            const double value = (double)ref.columns[k][i];
            mins[k] = isnan(mins[k]) || value < mins[k] ? value : mins[k];
            maxs[k] = isnan(maxs[k]) || value > maxs[k] ? value : maxs[k];
        }
    }
    x->mins = mins;
    x->maxs = maxs;
    return OK;
}

enum err extras_load(struct op *op, struct serve_version *v, const struct serve_files *files)
{
    if (!files->transform.len && !files->calibrator.len && !files->signature.len && !files->reference.len)
        return OK;
    struct arena *arena = arena_create(LIMIT_CHAIN_FILE_BYTES * 8);
    struct extras *x = arena_new(arena, struct extras);
    struct op sub = *op; /* what is read lives as long as the version */
    struct transform *transform = NULL;
    struct calibrator *calibrator = NULL;
    enum err e = OK;
    sub.arena = arena;
    x->arena = arena;
    if (files->transform.len)
        e = transform_read(&sub, files->transform, &transform);
    if (!e && files->calibrator.len && (e = calibrator_read(&sub, files->calibrator, &calibrator)))
        op_context(&sub, "calibrator");
    const struct str signature = str_sub(files->signature, 0, LIMIT_MIB(8));
    if (!e && arena_left(arena) < signature.len + 64)
        e = op_fail(&sub, E_TOO_LARGE, "no memory for the model's signature beside its transform");
    if (!e)
        x->signature = str_dup(arena, signature);
    if (e)
        e = op_fail(op, e, "%s", sub.msg);
    if (!e && files->reference.len && v->rows)
        e = ranges_read(op, files->reference, v, x);
    x->transform = transform;
    x->calibrator = calibrator;
    v->extras = x;
    if (!e && transform) {
        const struct chain_model m = chained_model(v);
        e = chain_transform_check(op, &m);
    }
    return e;
}

void extras_destroy(struct extras *x)
{
    if (x)
        arena_destroy(x->arena);
}

const struct transform *extras_transform(const struct serve_version *v)
{
    return v->extras ? v->extras->transform : NULL;
}

bool extras_inputs_alike(const struct transform *a, const struct transform *b)
{
    bool alike = a->input_count == b->input_count;
    for (size_t i = 0; alike && i < a->input_count; i++) {
        size_t k = 0;
        while (k < b->input_count && !str_eq(a->inputs[i].name, b->inputs[k].name))
            k++;
        alike = k < b->input_count && a->inputs[i].text == b->inputs[k].text;
    }
    return alike;
}
