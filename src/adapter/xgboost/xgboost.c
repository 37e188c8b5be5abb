/* Parameters (the learner's section of params.yaml); all but the last four go to the library under their
 * XGBoost names:
 *     objective (binary:logistic), tree_method (hist), max_depth (6), max_leaves, grow_policy, eta (0.1),
 *     min_child_weight, gamma, lambda, alpha, subsample, colsample_bytree, colsample_bylevel, max_bin,
 *     scale_pos_weight, base_score, seed (0), threads (0 = all cores)
 *     rounds (100)          boosting rounds at most
 *     early_stopping (0)    stop when the first metric on the validation rows has not improved for so many
 *                           rounds; 0 = never. The model is cut back to its best round.
 *     metrics ([logloss, auc])  evaluated after every round
 *     fit_metrics (true)    also on the training rows
 * The library's calls return -1 and keep a text per thread; the text holds a C++ stack, of which one line is ours. */
#include "adapter/xgboost/xgboost.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "adapter/xgboost/lib.h"
#include "base/limits.h"

enum { METRICS_MAX = 4 };

struct job {
    struct op *op;
    const struct xgb_lib *lib;
    const struct learner_data *fit, *valid;
    DMatrixHandle data[2];
    bst_ulong data_len;
    BoosterHandle booster, sliced;
    int64_t rounds, early_stopping;
    bool fit_metrics;
    char metrics[METRICS_MAX][24];
    size_t metric_len;
    double best;
    int64_t best_round, done;
};

static const char *const passed[] = {
    "objective", "tree_method", "max_depth", "max_leaves", "grow_policy", "eta", "min_child_weight", "gamma",
    "lambda", "alpha", "subsample", "colsample_bytree", "colsample_bylevel", "max_bin", "scale_pos_weight",
    "base_score", "seed", "threads",
};
static const char *const ours[] = {"rounds", "early_stopping", "metrics", "fit_metrics"};

static void xgboost_version(char out[32])
{
    AUTO(arena) struct arena *arena = arena_create(LIMIT_KIB(64));
    const struct xgb_lib *lib = NULL;
    struct op op;
    int major = 0, minor = 0, patch = 0;
    op_init(&op, arena);
    if (xgb_lib_get(&op, &lib) == OK)
        lib->XGBoostVersion(&major, &minor, &patch);
    snprintf(out, 32, "%d.%d.%d", major, minor, patch);
}

enum err xgboost_learner_check(struct op *op)
{
    const struct xgb_lib *lib = NULL;
    return xgb_lib_get(op, &lib);
}

static enum err library_fail(const struct job *j, const char *what)
{
    return xgb_lib_fail(j->op, j->lib, E_INVALID, what);
}

static bool name_in(struct str name, const char *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (str_eqc(name, list[i]))
            return true;
    return false;
}

static enum err param_set(struct job *j, const char *name, const char *value)
{
    if (str_eqc(str_from(name), "threads"))
        name = "nthread";
    if (j->lib->XGBoosterSetParam(j->booster, name, value) != 0)
        return library_fail(j, name);
    return OK;
}

static enum err param_pass(struct job *j, struct str key, const struct json *v)
{
    const char *name = str_cstr(j->op->arena, key);
    double f;
    char text[32];
    if (v->type == JSON_STRING && !memchr(v->s.p, 0, v->s.len))
        return param_set(j, name, str_cstr(j->op->arena, v->s));
    if (v->type == JSON_INT)
        return param_set(j, name, op_printf(j->op, "%lld", (long long)v->i));
    if (!json_as_f64(v, &f) || !isfinite(f))
        return op_fail_field(j->op, name, "xgboost.%s is neither a number nor a text", name);
    text[json_format_f64(f, text)] = 0;
    return param_set(j, name, text);
}

static enum err metrics_set(struct job *j, const struct json *params)
{
    const struct json *list = json_get(params, "metrics");
    static const char *const dflt[] = {"logloss", "auc"};
    size_t n = list ? list->len : ARRAY_LEN(dflt);
    if ((list && list->type != JSON_ARRAY) || !n || n > METRICS_MAX)
        return op_fail_field(j->op, "metrics", "xgboost.metrics is not a list of 1 to %d names", METRICS_MAX);
    for (size_t i = 0; i < n; i++) {
        struct str s = list ? (list->items[i].type == JSON_STRING ? list->items[i].s : STR("")) : str_from(dflt[i]);
        if (!s.len || s.len >= sizeof(j->metrics[0]) || memchr(s.p, 0, s.len) || memchr(s.p, ':', s.len))
            return op_fail_field(j->op, "metrics", "xgboost.metrics[%zu] is not the name of a metric", i);
        snprintf(j->metrics[i], sizeof(j->metrics[i]), "%.*s", STR_FMT(s));
        enum err e = param_set(j, "eval_metric", j->metrics[i]);
        if (e)
            return e;
    }
    j->metric_len = n;
    return OK;
}

static enum err params_set(struct job *j, const struct json *params)
{
    enum err e = param_set(j, "verbosity", "0");
    static const char *const dflt[][2] = {{"objective", "binary:logistic"}, {"tree_method", "hist"}, {"eta", "0.1"}};
    for (size_t i = 0; !e && i < ARRAY_LEN(dflt); i++)
        e = param_set(j, dflt[i][0], dflt[i][1]);
    for (size_t i = 0; !e && params && i < params->len; i++) {
        const struct json_member *m = &params->members[i];
        if (name_in(m->key, passed, ARRAY_LEN(passed)))
            e = param_pass(j, m->key, &m->value);
        else if (!name_in(m->key, ours, ARRAY_LEN(ours)))
            e = op_fail_field(j->op, "xgboost", "xgboost has no parameter \"%.*s\"", STR_FMT(m->key));
    }
    if (!e)
        e = json_opt_i64(j->op, params, "rounds", 1, LIMIT_TREES, 100, &j->rounds);
    if (!e)
        e = json_opt_i64(j->op, params, "early_stopping", 0, LIMIT_TREES, 0, &j->early_stopping);
    if (!e)
        e = json_opt_bool(j->op, params, "fit_metrics", true, &j->fit_metrics);
    return e ? e : metrics_set(j, params);
}

static enum err matrix_make(struct job *j, const struct learner_data *d, int threads)
{
    DMatrixHandle h = NULL;
    if (j->lib->XGDMatrixCreateFromMat_omp(d->x, d->rows, d->cols, NAN, &h, threads) != 0)
        return library_fail(j, "data");
    j->data[j->data_len++] = h;
    if (j->lib->XGDMatrixSetFloatInfo(h, "label", d->y, d->rows) != 0)
        return library_fail(j, "label");
    return OK;
}

static enum err names_set(struct job *j, BoosterHandle b)
{
    const char **names = (const char **)arena_try_alloc(j->op->arena, j->fit->cols, sizeof(char *));
    if (!names)
        return op_fail(j->op, E_TOO_LARGE, "no memory for %zu names", j->fit->cols);
    for (size_t i = 0; i < j->fit->cols; i++)
        names[i] = str_cstr(j->op->arena, j->fit->names[i]);
    if (j->lib->XGBoosterSetStrFeatureInfo(b, "feature_name", names, j->fit->cols) != 0)
        return library_fail(j, "feature names");
    return OK;
}

/* "[3]\tfit-logloss:0.5\tfit-auc:0.9\tvalid-logloss:0.6": the values in order. */
static enum err round_parse(struct job *j, const char *text, struct learner_round *r)
{
    struct str rest = str_from(text), part;
    str_split(&rest, '\t', &part);
    while (str_split(&rest, '\t', &part)) {
        size_t dash = str_find_char(part, '-'), colon = str_find_char(part, ':');
        struct str name = str_sub(part, dash + 1, colon - dash - 1);
        double v = 0;
        if (dash == SIZE_MAX || colon == SIZE_MAX || r->len == ARRAY_LEN(r->metrics) ||
            !str_parse_f64(str_sub(part, colon + 1, part.len), true, &v))
            return op_fail(j->op, E_INTERNAL, "xgboost's evaluation \"%s\" is not understood", text);
        struct learner_metric *m = &r->metrics[r->len++];
        if (str_eqc(name, "logloss"))
            name = STR("log_loss");
        snprintf(m->name, sizeof(m->name), "%.*s_%.*s", STR_FMT(str_sub(part, 0, dash)), STR_FMT(name));
        m->value = v;
    }
    return OK;
}

/* Evaluates, reports, and keeps the best round; *ret_stop when early stopping says so. */
static enum err round_end(struct job *j, int64_t i, const struct learner_progress *progress, bool *ret_stop)
{
    static const char *names[] = {"fit", "valid"};
    size_t from = j->data_len == 2 && !j->fit_metrics ? 1 : 0;
    const char *text = NULL;
    if (j->lib->XGBoosterEvalOneIter(j->booster, (int)i, j->data + from, names + from, j->data_len - from, &text) != 0)
        return library_fail(j, "evaluation");
    struct learner_round r = {.round = i};
    enum err e = round_parse(j, text, &r);
    if (e)
        return e;
    if (r.len < j->metric_len)
        return op_fail(j->op, E_INTERNAL, "xgboost evaluated %zu metrics, not %zu", r.len, j->metric_len);
    if (progress && progress->round)
        e = progress->round(progress->arg, j->op, &r);
    if (e)
        return e;
    double v = r.metrics[r.len - j->metric_len].value;
    bool larger = strncmp(j->metrics[0], "auc", 3) == 0 || strncmp(j->metrics[0], "map", 3) == 0 ||
                  strncmp(j->metrics[0], "ndcg", 4) == 0;
    if (i == 0 || (larger ? v > j->best : v < j->best)) {
        j->best = v;
        j->best_round = i;
    }
    *ret_stop = j->early_stopping > 0 && j->data_len == 2 && i - j->best_round >= j->early_stopping;
    return OK;
}

static enum err rounds_run(struct job *j, const struct learner_progress *progress)
{
    bool stop = false;
    for (int64_t i = 0; i < j->rounds && !stop; i++) {
        if (j->lib->XGBoosterUpdateOneIter(j->booster, (int)i, j->data[0]) != 0)
            return library_fail(j, "training");
        j->done = i + 1;
        enum err e = round_end(j, i, progress, &stop);
        if (e)
            return e;
        e = op_check_deadline(j->op);
        if (e)
            return e;
    }
    if (!j->early_stopping || j->data_len < 2)
        j->best_round = j->done - 1;
    return OK;
}

static enum err model_save(struct job *j, struct buf *ret_model)
{
    BoosterHandle b = j->booster;
    if (j->best_round + 1 < j->done) {
        if (j->lib->XGBoosterSlice(j->booster, 0, (int)j->best_round + 1, 1, &j->sliced) != 0)
            return library_fail(j, "cutting to the best round");
        b = j->sliced;
    }
    enum err e = names_set(j, b);
    if (e)
        return e;
    bst_ulong len = 0;
    const char *p = NULL;
    if (j->lib->XGBoosterSaveModelToBuffer(b, "{\"format\":\"json\"}", &len, &p) != 0)
        return library_fail(j, "saving");
    buf_add(ret_model, p, len);
    return OK;
}

static void job_clear(struct job *j)
{
    if (j->sliced)
        j->lib->XGBoosterFree(j->sliced);
    if (j->booster)
        j->lib->XGBoosterFree(j->booster);
    for (size_t i = 0; i < j->data_len; i++)
        j->lib->XGDMatrixFree(j->data[i]);
}

static enum err xgboost_train(struct op *op, const struct json *params, const struct learner_data *fit,
                              const struct learner_data *valid, const struct learner_progress *progress,
                              struct buf *ret_model, struct learner_result *ret)
{
    struct job j = {.op = op, .fit = fit, .valid = valid};
    int64_t threads = 0;
    enum err e = xgb_lib_get(op, &j.lib);
    if (!e)
        e = json_opt_i64(op, params, "threads", 0, 1024, 0, &threads);
    if (!e)
        e = matrix_make(&j, fit, (int)threads);
    if (!e && valid)
        e = matrix_make(&j, valid, (int)threads);
    if (!e && j.lib->XGBoosterCreate(j.data, j.data_len, &j.booster) != 0)
        e = library_fail(&j, "start");
    if (!e)
        e = params_set(&j, params);
    if (!e)
        e = rounds_run(&j, progress);
    if (!e)
        e = model_save(&j, ret_model);
    job_clear(&j);
    if (!e)
        *ret = (struct learner_result){.best_round = j.best_round, .rounds = j.done};
    return e;
}

const struct learner_ops xgboost_learner = {.name = "xgboost", .format = "xgboost", .version = xgboost_version, .train = xgboost_train};
