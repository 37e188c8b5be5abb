/* cmd_evaluate.c - compares models on the validation rows and lets the gates decide. */
#include <stdlib.h>

#include "app/backends.h"
#include "app/commands.h"
#include "app/fitted.h"
#include "app/predict_frame.h"
#include "base/file.h"
#include "base/limits.h"
#include "core/train/evaluate.h"
#include "core/train/raw.h"

enum { MODELS_MAX = 32 };

struct candidate {
    struct str path, run_id, learner; /* run_id and learner from its metrics file, "" without one */
    char sha256[65];
    struct train_evaluation *evaluation;
};

/* The frame, opened once, and its validation rows. */
struct evaluated {
    struct table_engine *tables;
    struct str frame;
    const struct train_params *params;
    struct train_rows *rows;
};

static enum err candidate_evaluate(struct op *op, const struct evaluated *v, struct candidate *c)
{
    AUTO(model) struct model *model = NULL;
    AUTO(floats) float *scores = NULL;
    struct fitted fitted;
    enum err e = frame_model_open(op, c->path, c->sha256, &model);
    if (!e)
        e = fitted_read(op, c->path, &fitted);
    if (!e && !fitted.transform != !v->params->transform)
        e = op_fail(op, E_INVALID, "%.*s %s a transform beside it, the params %s one", STR_FMT(c->path), fitted.transform ? "has" : "has not",
                    v->params->transform ? "have" : "have not");
    if (!e && fitted.transform)
        e = train_transform_apply(op, v->tables, v->frame, v->params, fitted.transform, v->rows, v->params->fit_end_us, v->params->valid_end_us);
    if (!e)
        e = train_predict(op, model, v->rows, &scores);
    for (size_t i = 0; !e && fitted.calibrator && i < v->rows->rows; i++)
        scores[i] = (float)calibrator_score(fitted.calibrator, (double)scores[i]);
    if (!e)
        e = train_evaluate(op, v->params, v->rows, scores, &c->evaluation);
    return e;
}

/* `run_id` and `learner` as ingot train wrote them. */
static enum err metrics_read(struct op *op, struct str path, struct candidate *c)
{
    struct str text;
    struct json *doc = NULL;
    enum err e = file_read(op, str_cstr(op->arena, path), LIMIT_MIB(16), &text);
    if (!e)
        e = json_parse(op, text, JSON_STRICT, &doc);
    if (!e)
        e = json_opt_str(op, doc, "run_id", STR(""), &c->run_id);
    if (!e)
        e = json_opt_str(op, doc, "learner", STR(""), &c->learner);
    return e ? op_context(op, "%.*s", STR_FMT(path)) : OK;
}

/* Fills the paths of "a.json,b.json"; metrics files, if given, go one to one. */
static enum err candidates_list(struct op *op, struct command_ctx *ctx, struct candidate *c, size_t *ret_n)
{
    struct str rest = command_str(ctx, "models"), part;
    size_t n = 0;
    while (str_split(&rest, ',', &part)) {
        if (n == MODELS_MAX || !part.len)
            return op_fail(op, E_INVALID, "--models takes 1 to %d paths separated by ','", MODELS_MAX);
        c[n++] = (struct candidate){.path = part, .run_id = STR(""), .learner = STR("")};
    }
    size_t m = 0;
    rest = command_str(ctx, "metrics");
    while (rest.len && str_split(&rest, ',', &part)) {
        if (m == n)
            return op_fail(op, E_INVALID, "--metrics has more paths than --models");
        enum err e = metrics_read(op, part, &c[m++]);
        if (e)
            return e;
    }
    if (m && m != n)
        return op_fail(op, E_INVALID, "--metrics has %zu paths, --models %zu", m, n);
    *ret_n = n;
    return OK;
}

static void candidate_json(struct json_out *w, const struct candidate *c)
{
    json_begin_object(w);
    json_kv_str(w, "model", c->path);
    json_kv_cstr(w, "sha256", c->sha256);
    json_kv_str(w, "run_id", c->run_id);
    json_kv_str(w, "learner", c->learner);
    json_key(w, "evaluation");
    train_evaluation_json(w, c->evaluation);
    json_end_object(w);
}

struct verdict {
    const struct candidate *models;
    size_t n, best, gate_n, failed;
    struct train_gate_result *gates;
};

static void verdict_json(struct json_out *w, const struct verdict *v)
{
    json_begin_object(w);
    json_kv_bool(w, "pass", v->failed == 0);
    json_key(w, "best");
    candidate_json(w, &v->models[v->best]);
    json_key(w, "gates");
    train_gates_json(w, v->gates, v->gate_n);
    json_key(w, "models");
    json_begin_array(w);
    for (size_t i = 0; i < v->n; i++)
        candidate_json(w, &v->models[i]);
    json_end_array(w);
    json_end_object(w);
}

static enum err verdict_save(struct op *op, struct command_ctx *ctx, const struct verdict *v)
{
    AUTO(buf) struct buf b;
    struct json_out w;
    buf_init(&b, LIMIT_MIB(64));
    json_out_init(&w, &b, 2);
    verdict_json(&w, v);
    buf_add_char(&b, '\n');
    verdict_json(command_out(ctx), v);
    return command_has(ctx, "out") ? file_write(op, str_cstr(op->arena, command_str(ctx, "out")), buf_str(&b)) : OK;
}

/* E_CONFLICT with the failed gates named. */
static enum err verdict_say(struct op *op, struct command_ctx *ctx, const struct train_params *params, const struct verdict *v)
{
    struct buf failed;
    buf_init(&failed, LIMIT_KIB(64));
    for (size_t i = 0; i < v->n; i++) {
        const struct interval *m = v->models[i].evaluation->all.metric;
        command_say(ctx, "%s %.*s: auc %.4f [%.4f, %.4f]  log-loss %.4f  brier %.4f  ece %.4f", i == v->best ? "*" : " ",
                    STR_FMT(v->models[i].path), m[TRAIN_AUC].value, m[TRAIN_AUC].lo, m[TRAIN_AUC].hi, m[TRAIN_LOG_LOSS].value,
                    m[TRAIN_BRIER].value, m[TRAIN_ECE].value);
    }
    for (size_t i = 0; i < v->gate_n; i++) {
        const char *text = train_gate_text(op, params, &v->gates[i]);
        if (!v->gates[i].segment.len || !v->gates[i].pass)
            command_say(ctx, "  gate %s  %s", text, v->gates[i].pass ? "pass" : "FAIL");
        if (!v->gates[i].pass && failed.len < 2000)
            buf_addf(&failed, "%s%s", failed.len ? "; " : "", text);
    }
    command_say(ctx, "  %zu of %zu gates hold", v->gate_n - v->failed, v->gate_n);
    enum err e = v->failed ? op_fail(op, E_CONFLICT, "%zu of %zu gates fail: %.*s", v->failed, v->gate_n, STR_FMT(buf_str(&failed))) : OK;
    buf_clear(&failed);
    return e;
}

static enum err evaluate_run(struct op *op, struct command_ctx *ctx)
{
    AUTO(table_engine) struct table_engine *tables = NULL;
    AUTO(train_rows) struct train_rows *rows = NULL;
    struct train_params *params = NULL;
    struct candidate models[MODELS_MAX];
    struct verdict v = {.models = models};
    enum err e = frame_params_read(op, command_str(ctx, "params"), &params);
    if (!e)
        e = candidates_list(op, ctx, models, &v.n);
    if (!e)
        e = backend_tables_open(op, &tables);
    if (!e)
        e = train_rows_load(op, tables, command_str(ctx, "frame"), params, params->fit_end_us, params->valid_end_us, true, &rows);
    for (size_t i = 0; !e && i < v.n; i++) {
        e = candidate_evaluate(op, &(struct evaluated){tables, command_str(ctx, "frame"), params, rows}, &models[i]);
        if (!e && i && train_is_better(params, models[i].evaluation, models[v.best].evaluation))
            v.best = i;
    }
    if (!e)
        e = train_gates_check(op, params, models[v.best].evaluation, &v.gates, &v.gate_n);
    if (e)
        return e;
    for (size_t i = 0; i < v.gate_n; i++)
        v.failed += v.gates[i].pass ? 0 : 1;
    e = verdict_save(op, ctx, &v);
    return e ? e : verdict_say(op, ctx, params, &v);
}

static const struct option_row evaluate_options[] = {
    {"frame", OPTION_STRING, "FILE", "training frame, Parquet", NULL, true},
    {"models", OPTION_STRING, "A,B", "model files, separated by ','", NULL, true},
    {"metrics", OPTION_STRING, "A,B", "their metrics files (ingot train --metrics-out), for run ids", NULL, false},
    {"params", OPTION_STRING, "FILE", "params.yaml: split, best, gates", "params.yaml", false},
    {"out", OPTION_STRING, "FILE", "the whole evaluation, JSON", NULL, false},
    {0},
};
const struct command evaluate_commands[] = {
    {"evaluate", "", 0, 0, "measure models on the validation rows; gates decide",
     "Measures AUC, log-loss, Brier, calibration error and accuracy with confidence intervals, overall and by segment, picks the best model\n"
     "by evaluate.best, and checks evaluate.gates on it. Exit code 1 names the gates that fail.",
     "  ingot evaluate --frame frame.parquet --models xgb.json,logistic.json --params params.yaml --out eval.json", evaluate_options, evaluate_run},
    {0},
};
