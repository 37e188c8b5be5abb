#include "core/serve/version.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/serve/graph_link.h"
#include "core/serve/extras.h"
#include "core/serve/loader.h"
#include "core/serve/warm.h"

static void version_describe(struct serve_version *v)
{
    v->info = model_info(v->model);
    v->rows = model_has_rows(v->info);
    v->doubles = v->rows && model_takes_f64(v->model);
    v->inputs = model_inputs(v->model, &v->input_count);
    v->outputs = model_outputs(v->model, &v->output_count);
    v->memory_bytes = v->info->memory_bytes;
    /* Clients know ONNX models by Triton's word for them. */
    if (!v->rows && str_eqc(v->info->format, "onnx"))
        snprintf(v->platform, sizeof(v->platform), "onnxruntime_onnx");
    else
        snprintf(v->platform, sizeof(v->platform), "ingot_%.*s", STR_FMT(v->info->format));
}

static struct serve_version *version_make(int64_t version, struct stats *stats)
{
    static atomic_uint_fast64_t serial;
    struct serve_version *v = calloc(1, sizeof(*v));
    if (!v)
        abort();
    v->version = version;
    v->serial = atomic_fetch_add(&serial, 1) + 1;
    v->stats = stats ? stats_ref(stats) : stats_create();
    atomic_init(&v->refs, 1);
    atomic_init(&v->running, 0);
    cost_init(&v->cost);
    v->queue.expires_ns = INT64_MAX;
    return v;
}

struct serve_version *serve_version_of_graph(struct graph *take_graph, int64_t version, struct stats *stats)
{
    struct serve_version *v = version_make(version, stats);
    v->graph = take_graph;
    v->info = &take_graph->info;
    v->inputs = v->info->inputs_spec;
    v->outputs = v->info->outputs_spec;
    v->input_count = v->info->input_count;
    v->output_count = v->info->output_count;
    v->memory_bytes = v->info->memory_bytes;
    snprintf(v->platform, sizeof(v->platform), "ensemble"); /* Triton's word */
    return v;
}

bool serve_version_answers(const struct serve_version *v, struct str *ret_why)
{
    const bool answers = !v->graph || v->graph->steps;
    if (!answers && ret_why)
        *ret_why = v->graph->problem;
    return answers;
}

/* Not linked yet: that needs the other endpoints. */
static enum err graph_load(struct op *op, struct str bytes, int64_t version, struct serve_version **ret)
{
    AUTO(graph_plan) struct graph_plan *plan = NULL;
    enum err e = graph_parse(op, bytes, &plan);
    if (!e)
        *ret = serve_version_of_graph(graph_unlinked(plan, STR("")), version, NULL);
    return e;
}

enum err serve_version_load(struct op *op, const struct engine_ops *const *engines, struct str bytes, int64_t version,
                            const struct serve_policy *policy, struct serve_version **ret)
{
    struct model *m = NULL;
    if (graph_accepts(bytes))
        return graph_load(op, bytes, version, ret);
    enum err e = model_load(op, engines, bytes, &m);
    if (e)
        return e;
    struct serve_version *v = version_make(version, NULL);
    v->model = m;
    version_describe(v);
    if (v->output_count > LIMIT_SERVE_OUTPUTS || v->input_count > LIMIT_SERVE_INPUTS)
        e = op_fail(op, E_TOO_LARGE, "the model has %zu inputs and %zu outputs; %d and %d are allowed", v->input_count, v->output_count,
                    LIMIT_SERVE_INPUTS, LIMIT_SERVE_OUTPUTS);
    if (!e)
        e = serve_warm(op, v, policy);
    if (e) {
        serve_version_destroy(v);
        return e;
    }
    *ret = v;
    return OK;
}

struct serve_version *serve_version_ref(struct serve_version *v)
{
    atomic_fetch_add_explicit(&v->refs, 1, memory_order_relaxed);
    return v;
}

void serve_version_unref(struct serve_version *v)
{
    if (!v || atomic_fetch_sub_explicit(&v->refs, 1, memory_order_acq_rel) != 1)
        return;
    if (v->loader)
        loader_bury(v->loader, v);
    else
        serve_version_destroy(v);
}

void serve_version_destroy(struct serve_version *v)
{
    model_unload(v->model);
    graph_destroy(v->graph);
    stats_destroy(v->stats);
    cost_clear(&v->cost);
    extras_destroy(v->extras);
    free(v);
}

static bool spec_alike(const struct tensor_spec *a, const struct tensor_spec *b)
{
    if (!str_eq(a->name, b->name) || a->type != b->type || a->rank != b->rank)
        return false;
    for (uint32_t i = 0; i < a->rank; i++)
        if (a->shape[i] != b->shape[i])
            return false;
    return true;
}

static bool rows_alike(struct op *op, const struct serve_version *a, const struct serve_version *b, const char **ret_why)
{
    const struct engine_info *x = a->info, *y = b->info;
    if (x->features != y->features || x->outputs != y->outputs) {
        *ret_why = op_printf(op, "version %lld takes %zu features and gives %zu values, version %lld %zu and %zu", (long long)b->version, y->features,
                             y->outputs, (long long)a->version, x->features, x->outputs);
        return false;
    }
    for (size_t i = 0; x->feature_names && y->feature_names && i < x->features; i++) {
        if (str_eq(x->feature_names[i], y->feature_names[i]))
            continue;
        *ret_why = op_printf(op, "feature %zu is \"%.*s\" in version %lld, \"%.*s\" in version %lld", i, STR_FMT(y->feature_names[i]),
                             (long long)b->version, STR_FMT(x->feature_names[i]), (long long)a->version);
        return false;
    }
    return true;
}

bool serve_version_alike(struct op *op, const struct serve_version *a, const struct serve_version *b, const char **ret_why)
{
    const char *why = NULL;
    const struct transform *t = extras_transform(a), *u = extras_transform(b);
    bool alike = !t == !u && a->rows == b->rows && (a->rows || (a->input_count == b->input_count && a->output_count == b->output_count));
    if (!alike)
        why = op_printf(op, "versions %lld and %lld take or give different tensors", (long long)a->version, (long long)b->version);
    if (alike && t) /* what the model itself takes is between it and its transform */
        alike = extras_inputs_alike(t, u) && a->info->outputs == b->info->outputs;
    if (!alike && t && u)
        why = op_printf(op, "versions %lld and %lld take different columns", (long long)a->version, (long long)b->version);
    if (alike && a->rows && !t)
        alike = rows_alike(op, a, b, &why);
    for (size_t i = 0; alike && !a->rows && i < a->input_count + a->output_count; i++) {
        bool in = i < a->input_count;
        const struct tensor_spec *x = in ? &a->inputs[i] : &a->outputs[i - a->input_count], *y = in ? &b->inputs[i] : &b->outputs[i - a->input_count];
        if ((alike = spec_alike(x, y)))
            continue;
        why = op_printf(op, "%s \"%.*s\" is not the same in versions %lld and %lld", in ? "input" : "output", STR_FMT(x->name), (long long)a->version,
                        (long long)b->version);
    }
    if (ret_why)
        *ret_why = why;
    return alike;
}
