#include "adapter/declared/declared.h"

#include "adapter/declared/side.h"
#include "base/limits.h"

enum { MAGIC_BYTES = 8, HEAD_BYTES = MAGIC_BYTES + 4 };
static const char magic_quiet[] = "IngotDQ1", magic_spawns[] = "IngotDS1";
static const struct engine_ops *const *inner_engines;

struct declared {
    struct arena *arena;     /* holds this struct and what it points to */
    struct model *inner;
    bool rows;               /* the inner one is a row model */
    size_t features, scores, width; /* of a row model: columns, its own values per row, those that are shown */
    struct side in, out;
    struct engine_info info;
    bool fil, proba, class;
    double threshold;
};

void declared_setup(const struct engine_ops *const *engines)
{
    inner_engines = engines;
}

static bool has_magic(struct str bytes, const char *magic)
{
    return bytes.len >= HEAD_BYTES && !memcmp(bytes.p, magic, MAGIC_BYTES);
}

static bool accepts_quiet(struct str bytes)
{
    return has_magic(bytes, magic_quiet);
}

static bool accepts_spawning(struct str bytes)
{
    return has_magic(bytes, magic_spawns);
}

enum err declared_wrap(struct op *op, struct str declared, struct str file, bool spawns, struct str *ret)
{
    const uint32_t n = (uint32_t)declared.len;
    const size_t size = HEAD_BYTES + declared.len + file.len;
    char *p = declared.len > LIMIT_DECLARED_BYTES ? NULL : arena_array(op->arena, size, char);
    if (!p)
        return op_fail(op, E_TOO_LARGE, "no memory for a model of %zu bytes and what is declared of it", file.len);
    memcpy(p, spawns ? magic_spawns : magic_quiet, MAGIC_BYTES);
    memcpy(p + MAGIC_BYTES, &n, sizeof(n));
    memcpy(p + HEAD_BYTES, declared.p, declared.len);
    if (file.len)
        memcpy(p + HEAD_BYTES + declared.len, file.p, file.len);
    *ret = (struct str){p, size};
    return OK;
}

/* ---- loading ---- */

static enum err head_read(struct op *op, struct str bytes, struct str *ret_json, struct str *ret_file)
{
    uint32_t n = 0;
    memcpy(&n, bytes.p + MAGIC_BYTES, sizeof(n));
    if (n > LIMIT_DECLARED_BYTES || n > bytes.len - HEAD_BYTES)
        return op_fail(op, E_INVALID, "the head of a declared model is longer than the model");
    *ret_json = str_sub(bytes, HEAD_BYTES, n);
    *ret_file = str_sub(bytes, HEAD_BYTES + n, SIZE_MAX);
    if (accepts_quiet(*ret_file) || accepts_spawning(*ret_file))
        return op_fail(op, E_INVALID, "a declared model within a declared model");
    return OK;
}

static enum err fil_read(struct op *op, const struct json *doc, struct declared *d)
{
    const struct json *fil = json_get(doc, "fil");
    d->fil = fil != NULL;
    d->width = d->scores;
    if (!fil)
        return OK;
    if (fil->type != JSON_OBJECT || !d->rows)
        return op_fail(op, E_INVALID, fil->type == JSON_OBJECT ? "the backend \"fil\" serves trees, not this model" : "fil is not an object");
    enum err e = json_opt_bool(op, fil, "predict_proba", false, &d->proba);
    if (!e)
        e = json_opt_bool(op, fil, "output_class", false, &d->class);
    if (!e)
        e = json_opt_f64(op, fil, "threshold", 0.5, &d->threshold);
    d->width = d->class && !d->proba ? 1 : d->proba && d->scores == 1 ? 2 : d->scores;
    return e;
}

/* A row model as the two tensors that it stands for. */
static void rows_describe(struct declared *d, struct tensor_spec *in, struct tensor_spec *out)
{
    const struct engine_info *info = model_info(d->inner);
    *in = (struct tensor_spec){.name = d->fil ? STR("input__0") : STR("features"), .type = TENSOR_FP32, .rank = 2, .shape = {-1, (int64_t)d->features}};
    *out = (struct tensor_spec){.name = d->fil ? STR("output__0") : STR("score"), .type = TENSOR_FP32, .rank = 2, .shape = {-1, (int64_t)d->width},
                                .labels = info->label_count == d->width ? info->labels : NULL};
    out->label_count = out->labels ? info->label_count : 0;
}

static enum err sides_read(struct op *op, const struct json *doc, struct declared *d)
{
    const struct engine_info *info = model_info(d->inner);
    struct tensor_spec rows_in, rows_out;
    const struct tensor_spec *in = info->inputs_spec, *out = info->outputs_spec;
    size_t in_count = info->input_count, out_count = info->output_count;
    struct side_want want = {.rows = d->rows, .joins = d->rows || info->joins};
    const struct json *batched = json_get(doc, "batched");
    want.batched = !batched ? SIDE_EITHER : batched->type == JSON_BOOL && batched->boolean ? SIDE_BATCHED : SIDE_WHOLE;
    d->features = info->features;
    d->scores = info->outputs;
    enum err e = fil_read(op, doc, d);
    if (d->rows) {
        rows_describe(d, &rows_in, &rows_out);
        in = &rows_in;
        out = &rows_out;
        in_count = out_count = 1;
    }
    if (!e)
        e = side_read(op, d->arena, json_get(doc, "inputs"), &want, in, in_count, true, &d->in);
    if (!e)
        e = side_read(op, d->arena, json_get(doc, "outputs"), &want, out, out_count, false, &d->out);
    d->info.joins = want.joins && d->in.batched && d->out.batched;
    return e;
}

static enum err declared_read(struct op *op, struct str text, struct declared *d)
{
    struct json *doc = NULL;
    enum err e = json_parse(op, text, JSON_STRICT, &doc);
    if (!e && doc->type != JSON_OBJECT)
        e = op_fail(op, E_INVALID, "what is declared is %s, not an object", json_type_name(doc->type));
    if (!e)
        e = sides_read(op, doc, d);
    if (e)
        return e;
    const struct engine_info *inner = model_info(d->inner);
    const bool joins = d->info.joins;
    d->info = *inner;
    d->info.features = d->info.outputs = 0;
    d->info.feature_names = NULL;
    d->info.labels = NULL;
    d->info.label_count = 0;
    d->info.joins = joins;
    d->info.inputs_spec = d->in.specs;
    d->info.input_count = d->in.len;
    d->info.outputs_spec = d->out.specs;
    d->info.output_count = d->out.len;
    d->info.memory_bytes = inner->memory_bytes + arena_used(d->arena);
    return OK;
}

static void declared_unload(void *model)
{
    struct declared *d = model;
    model_unload(d->inner);
    arena_destroy(d->arena);
}

static enum err declared_load(struct op *op, struct str bytes, void **ret_model)
{
    struct str text, file;
    struct model *inner = NULL;
    enum err e = head_read(op, bytes, &text, &file);
    if (!e)
        e = inner_engines ? model_load(op, inner_engines, file, &inner) : op_fail(op, E_UNSUPPORTED, "there are no engines for declared models");
    if (e)
        return e;
    struct arena *arena = arena_create(LIMIT_DECLARED_BYTES * 4);
    struct declared *d = arena_new(arena, struct declared);
    d->arena = arena;
    d->inner = inner;
    d->rows = model_has_rows(model_info(inner));
    if ((e = declared_read(op, text, d))) {
        declared_unload(d);
        return e == E_UNSUPPORTED ? op_fail(op, E_INVALID, "it is declared as it is not") : e; /* no other engine shall try */
    }
    *ret_model = d;
    return OK;
}

static const struct engine_info *declared_info(const void *model)
{
    return &((const struct declared *)model)->info;
}

/* ---- asking ---- */

static enum err no_memory(struct op *op)
{
    return op_fail(op, E_TOO_LARGE, "no memory for the answer");
}

/* The class of one row: the largest of several, or whether the only one is above the threshold. */
static float class_of(const struct declared *d, const float *scores)
{
    size_t best = 0;
    if (d->scores == 1)
        return (double)scores[0] > d->threshold ? 1.0F : 0.0F;
    for (size_t k = 1; k < d->scores; k++)
        if (scores[k] > scores[best])
            best = k;
    return (float)best;
}

static enum err rows_show(struct op *op, const struct declared *d, size_t n, float *scores, struct tensor *ret)
{
    float *shown = scores;
    if (d->width != d->scores || (d->class && !d->proba)) {
        shown = arena_array(op->arena, n * d->width + 1, float);
        if (!shown)
            return no_memory(op);
    }
    for (size_t i = 0; i < n && shown != scores; i++) {
        const float *row = scores + i * d->scores;
        if (d->class && !d->proba) {
            shown[i] = class_of(d, row);
        } else {
            shown[2 * i] = 1 - row[0];
            shown[2 * i + 1] = row[0];
        }
    }
    const int64_t shape[2] = {(int64_t)n, (int64_t)d->width};
    *ret = (struct tensor){.type = TENSOR_FP32, .rank = 2, .shape = {shape[0], shape[1]}, .count = n * d->width, .data = shown};
    return side_show(op, &d->out, 0, ret);
}

static enum err rows_run(struct op *op, const struct declared *d, const struct tensor *in, struct tensor *ret)
{
    const struct tensor *t = &in[0];
    const size_t n = d->features ? t->count / d->features : 0;
    const float *x = t->data;
    if (t->type == TENSOR_TYPE_COUNT)
        return op_fail(op, E_INVALID, "input \"%.*s\" is missing", STR_FMT(d->in.specs[0].name));
    if (t->count != n * d->features)
        return op_fail(op, E_INVALID, "input \"%.*s\" is no rows of %zu values", STR_FMT(t->name), d->features);
    float *scores = arena_array(op->arena, n * d->scores + 1, float);
    float *converted = t->type == TENSOR_FP32 ? NULL : arena_array(op->arena, t->count + 1, float);
    if (!scores || (t->type != TENSOR_FP32 && !converted))
        return no_memory(op);
    enum err e = converted ? tensor_to_f32(op, t, converted, 1) : OK;
    if (e)
        return e;
    if (n)
        model_predict(d->inner, converted ? converted : x, n, scores);
    return rows_show(op, d, n, scores, ret);
}

static enum err tensors_run(struct op *op, const struct declared *d, const struct tensor *in, const bool *wanted, struct tensor *ret)
{
    const struct engine_info *info = model_info(d->inner);
    struct tensor *given = arena_array(op->arena, info->input_count + 1, struct tensor);
    struct tensor *got = arena_array(op->arena, info->output_count + 1, struct tensor);
    bool *needed = arena_array(op->arena, info->output_count + 1, bool);
    if (!given || !got || !needed)
        return no_memory(op);
    for (size_t i = 0; i < info->input_count; i++)
        given[i].type = TENSOR_TYPE_COUNT;
    enum err e = OK;
    for (size_t i = 0; !e && i < d->in.len; i++)
        if (in[i].type != TENSOR_TYPE_COUNT)
            e = side_give(op, &d->in, i, &in[i], &info->inputs_spec[d->in.places[i].inner], &given[d->in.places[i].inner]);
    for (size_t i = 0; i < d->out.len; i++)
        needed[d->out.places[i].inner] |= !wanted || wanted[i];
    if (!e)
        e = model_run(op, d->inner, given, needed, got);
    for (size_t i = 0; !e && i < d->out.len; i++) {
        if (wanted && !wanted[i])
            continue;
        ret[i] = got[d->out.places[i].inner];
        e = side_show(op, &d->out, i, &ret[i]);
    }
    return e;
}

static enum err declared_run(struct op *op, const void *model, const struct tensor *inputs, const bool *wanted, struct tensor *ret_outputs)
{
    const struct declared *d = model;
    return d->rows ? rows_run(op, d, inputs, ret_outputs) : tensors_run(op, d, inputs, wanted, ret_outputs);
}

const struct engine_ops declared_engine = {
    .name = "declared", .accepts = accepts_quiet, .load = declared_load, .unload = declared_unload, .info = declared_info, .run = declared_run};
const struct engine_ops declared_spawning_engine = {
    .name = "declared", .accepts = accepts_spawning, .load = declared_load, .spawns = true, .unload = declared_unload, .info = declared_info, .run = declared_run};
