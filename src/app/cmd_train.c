/* cmd_train.c - trains one model on a frame, and logs the run over the MLflow REST API when told where. */
#include <stdlib.h>

#include "app/backends.h"
#include "app/commands.h"
#include "app/run_log.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/limits.h"
#include "base/time.h"
#include "core/chain/calibrate_fit.h"
#include "core/chain/transform_format.h"
#include "core/monitor/monitor.h"
#include "core/train/evaluate.h"
#include "core/train/package.h"
#include "core/train/raw.h"

struct train_job {
    struct command_ctx *ctx;
    struct str frame_path, learner_name;
    const struct learner_ops *learner;
    const struct json *section;      /* the learner's parameters, or NULL */
    struct train_params *params;
    struct train_rows all, fit, valid; /* views of the loaded rows */
    struct run_log *log;
    int64_t rounds_max;
    char data_sha256[65], model_sha256[65];
    struct learner_result result;
    struct train_evaluation *evaluation;
    struct engine_info info;
    struct transform *transform;     /* NULL: the frame's columns are the features */
    struct calibrator *calibrator;   /* NULL: scores are the model's */
    double train_seconds, load_seconds;
};

static enum err round_report(void *arg, struct op *op, const struct learner_round *r)
{
    struct train_job *j = arg;
    for (size_t i = 0; i < r->len; i++) {
        enum err e = run_log_metric(op, j->log, r->metrics[i].name, r->metrics[i].value, r->round);
        if (e)
            return e;
    }
    command_progress(j->ctx, "rounds", (uint64_t)r->round + 1, (uint64_t)j->rounds_max);
    return OK;
}

static enum err job_read(struct op *op, struct train_job *j)
{
    struct str yaml;
    struct str path = command_str(j->ctx, "params");
    enum err e = file_read(op, str_cstr(op->arena, path), LIMIT_MIB(1), &yaml);
    if (!e)
        e = train_params_parse(op, yaml, &j->params);
    if (e)
        return op_context(op, "%.*s", STR_FMT(path));
    j->learner_name = command_str(j->ctx, "learner");
    j->learner = backend_learner(j->learner_name);
    if (!j->learner)
        return op_fail(op, E_UNSUPPORTED, "there is no learner \"%.*s\" in this build (see `ingot doctor`)", STR_FMT(j->learner_name));
    j->section = train_params_learner(j->params, j->learner->name);
    e = json_opt_i64(op, j->section, "rounds", 1, LIMIT_TREES, 0, &j->rounds_max);
    j->frame_path = command_str(j->ctx, "frame");
    return e ? e : file_sha256(op, str_cstr(op->arena, j->frame_path), j->data_sha256, NULL);
}

/* Everything that is known before the first round. */
static enum err job_log_start(struct op *op, struct train_job *j, struct client *client)
{
    const struct run_log_start start = {
        .experiment = command_str(j->ctx, "experiment"),
        .run_name = command_has(j->ctx, "run-name") ? command_str(j->ctx, "run-name") : j->learner_name,
        .source_name = STR("ingot train"),
        .data_sha256 = {j->data_sha256, 64},
    };
    enum err e = run_log_start(op, client, &start, &j->log);
    if (!e)
        e = run_log_param(op, j->log, "learner", j->learner_name);
    if (!e)
        e = run_log_params(op, j->log, j->learner->name, j->section);
    if (!e)
        e = run_log_params(op, j->log, "split", json_get(j->params->doc, "split"));
    if (!e && j->params->calibrate)
        e = run_log_params(op, j->log, "calibrate", j->params->calibrate);
    return e ? e : run_log_input(op, j->log, "training", j->frame_path, (struct str){j->data_sha256, 64}, j->frame_path);
}

/* The rows that monitors compare live traffic with, thinned as monitor.h says. */
static enum err reference_make(struct op *op, const struct train_job *j, const struct model *model, struct buf *out)
{
    const struct train_rows *r = j->params->reference == TRAIN_REFERENCE_FIT     ? &j->fit
                                 : j->params->reference == TRAIN_REFERENCE_VALID ? &j->valid
                                                                                 : &j->all;
    size_t n = r->rows < LIMIT_MONITOR_REFERENCE ? r->rows : LIMIT_MONITOR_REFERENCE;
    const float **columns = (const float **)arena_try_alloc(op->arena, r->cols, sizeof(float *));
    float *cells = arena_array(op->arena, n * r->cols, float), *scores = arena_array(op->arena, n, float);
    if (!columns || !cells || !scores)
        return op_fail(op, E_TOO_LARGE, "no memory for %zu reference rows", n);
    for (size_t i = 0; i < n; i++) {
        const float *x = r->x + i * r->rows / n * r->cols;
        model_predict(model, x, 1, scores + i);
        if (j->calibrator)
            scores[i] = (float)calibrator_score(j->calibrator, (double)scores[i]);
        for (size_t c = 0; c < r->cols; c++)
            cells[c * n + i] = x[c];
    }
    for (size_t c = 0; c < r->cols; c++)
        columns[c] = cells + c * n;
    const struct interval *m = j->evaluation->all.metric;
    const struct monitor_reference ref = {.features = r->cols, .names = r->names, .rows = n, .columns = columns, .scores = scores,
                                          .auc = m[TRAIN_AUC].value, .accuracy = m[TRAIN_ACCURACY].value,
                                          .logloss = m[TRAIN_LOG_LOSS].value, .brier = m[TRAIN_BRIER].value, .ece = m[TRAIN_ECE].value};
    return monitor_reference_format(op, &ref, out);
}

static void metrics_write(struct json_out *w, const struct train_job *j)
{
    json_begin_object(w);
    json_kv_str(w, "learner", j->learner_name);
    json_kv_str(w, "run_id", run_log_id(j->log));
    json_kv_str(w, "experiment_id", run_log_experiment(j->log));
    json_kv_cstr(w, "data_sha256", j->data_sha256);
    json_kv_cstr(w, "model_sha256", j->model_sha256);
    json_kv_i64(w, "fit_rows", (int64_t)j->fit.rows);
    json_kv_i64(w, "valid_rows", (int64_t)j->valid.rows);
    json_kv_i64(w, "features", (int64_t)j->fit.cols);
    json_kv_i64(w, "rounds", j->result.rounds);
    json_kv_i64(w, "best_round", j->result.best_round);
    json_kv_f64(w, "load_seconds", j->load_seconds);
    json_kv_f64(w, "train_seconds", j->train_seconds);
    json_key(w, "evaluation");
    train_evaluation_json(w, j->evaluation);
    json_end_object(w);
}

/* The files that make a folder a model: what is uploaded under model/ and written to --package-out. */
struct package_files {
    struct buf mlmodel, signature, reference, transform, calibrator;
};
static inline void package_files_auto(struct package_files *f)
{
    buf_clear(&f->mlmodel);
    buf_clear(&f->signature);
    buf_clear(&f->reference);
    buf_clear(&f->transform);
    buf_clear(&f->calibrator);
}

/* What was fitted beside the model, as files; empty buffers where nothing was. */
static void fitted_write(const struct train_job *j, struct buf *transform, struct buf *calibrator)
{
    struct json_out w;
    buf_init(transform, LIMIT_CHAIN_FILE_BYTES);
    buf_init(calibrator, LIMIT_CHAIN_FILE_BYTES);
    if (j->transform) {
        json_out_init(&w, transform, 2);
        transform_write(&w, j->transform);
        buf_add_char(transform, '\n');
    }
    if (j->calibrator) {
        json_out_init(&w, calibrator, 2);
        calibrator_write(&w, j->calibrator);
        buf_add_char(calibrator, '\n');
    }
}

static enum err package_make(struct op *op, const struct train_job *j, const struct model *model, struct package_files *f)
{
    struct json_out w;
    json_out_init(&w, &f->signature, 2);
    train_signature_json(&w, j->fit.names, j->fit.cols, j->transform);
    char version[32];
    j->learner->version(version);
    const struct train_package package = {.format = j->info.format, .model_file = STR("model.json"),
                                          .library_version = str_from(version), .run_id = run_log_id(j->log),
                                          .created_us = time_now_us(), .names = j->fit.names, .features = j->fit.cols, .transform = j->transform};
    train_mlmodel(&package, &f->mlmodel);
    return reference_make(op, j, model, &f->reference);
}

static enum err package_each(struct op *op, const struct train_job *j, const struct package_files *f, struct str model_bytes, struct str metrics,
                             enum err (*fn)(struct op *op, const struct train_job *j, const char *name, const char *type, struct str bytes))
{
    const struct {
        const char *name, *type;
        struct str bytes;
    } files[] = {
        {"model/model.json", "application/json", model_bytes},
        {"model/MLmodel", "text/yaml", buf_str(&f->mlmodel)},
        {"model/signature.json", "application/json", buf_str(&f->signature)},
        {"model/reference.bin", "application/octet-stream", buf_str(&f->reference)},
        {"model/transform.json", "application/json", buf_str(&f->transform)},
        {"model/calibrator.json", "application/json", buf_str(&f->calibrator)},
        {"metrics.json", "application/json", metrics},
    };
    enum err e = OK;
    for (size_t i = 0; !e && i < ARRAY_LEN(files); i++)
        if (files[i].bytes.len) /* what was not asked for is not there */
            e = fn(op, j, files[i].name, files[i].type, files[i].bytes);
    return e;
}

static enum err package_upload(struct op *op, const struct train_job *j, const char *name, const char *type, struct str bytes)
{
    return run_log_artifact(op, j->log, name, str_from(type), bytes);
}

static enum err package_save(struct op *op, const struct train_job *j, const char *name, const char *type, struct str bytes)
{
    (void)type;
    return file_write(op, op_printf(op, "%.*s/%s", STR_FMT(command_str(j->ctx, "package-out")), name), bytes);
}

static enum err job_log_results(struct op *op, const struct train_job *j, const struct model *model, struct str model_bytes, struct str metrics)
{
    AUTO(package_files) struct package_files files;
    buf_init(&files.mlmodel, LIMIT_MIB(16));
    buf_init(&files.signature, LIMIT_MIB(16));
    buf_init(&files.reference, LIMIT_MIB(256));
    fitted_write(j, &files.transform, &files.calibrator);
    enum err e = files.transform.failed || files.calibrator.failed ? op_fail(op, E_TOO_LARGE, "the transform or the calibrator is larger than %zu bytes", LIMIT_CHAIN_FILE_BYTES)
                                                                   : package_make(op, j, model, &files);
    if (!e && command_has(j->ctx, "package-out"))
        e = package_each(op, j, &files, model_bytes, metrics, package_save);
    if (e || !j->log)
        return e;
    for (size_t i = 0; !e && i < TRAIN_METRIC_COUNT; i++)
        e = run_log_metric(op, j->log, op_printf(op, "final_%s", train_metric_name((enum train_metric)i)),
                           j->evaluation->all.metric[i].value, j->result.best_round);
    if (!e)
        e = package_each(op, j, &files, model_bytes, metrics, package_upload);
    return e ? e : run_log_tag(op, j->log, "ingot.model.sha256", (struct str){j->model_sha256, 64});
}

/* The calibrator, fitted on the validation rows, and their scores by it. */
static enum err job_calibrate(struct op *op, struct train_job *j, float *scores)
{
    if (!j->params->calibrate)
        return OK;
    enum err e = calibrate_fit(op, j->params->calibrate, scores, j->valid.y, j->valid.rows, &j->calibrator);
    for (size_t i = 0; !e && i < j->valid.rows; i++)
        scores[i] = (float)calibrator_score(j->calibrator, (double)scores[i]);
    return e ? op_context(op, "params") : OK;
}

/* NAME.json, and what belongs to it as NAME.transform.json and NAME.calibrator.json. */
static enum err model_save(struct op *op, const struct train_job *j, struct str bytes)
{
    AUTO(buf) struct buf transform, calibrator;
    struct str path = command_str(j->ctx, "model-out"), stem = str_ends(path, STR(".json")) ? str_sub(path, 0, path.len - 5) : path;
    fitted_write(j, &transform, &calibrator);
    enum err e = file_write(op, str_cstr(op->arena, path), bytes);
    if (!e && transform.len)
        e = file_write(op, op_printf(op, "%.*s.transform.json", STR_FMT(stem)), buf_str(&transform));
    if (!e && calibrator.len)
        e = file_write(op, op_printf(op, "%.*s.calibrator.json", STR_FMT(stem)), buf_str(&calibrator));
    return e;
}

static enum err job_train(struct op *op, struct train_job *j, struct table_engine *tables)
{
    AUTO(buf) struct buf bytes, metrics;
    AUTO(model) struct model *model = NULL;
    AUTO(floats) float *scores = NULL;
    buf_init(&bytes, LIMIT_MODEL_BYTES);
    buf_init(&metrics, LIMIT_MIB(64));
    const struct learner_data fit = train_rows_data(&j->fit), valid = train_rows_data(&j->valid);
    const struct learner_progress progress = {.arg = j, .round = round_report};
    int64_t start = time_mono_ns();
    enum err e = learner_train(op, j->learner, j->section, &fit, j->valid.rows ? &valid : NULL, &progress, &bytes, &j->result);
    j->train_seconds = (double)(time_mono_ns() - start) / 1e9;
    if (!e)
        e = model_load(op, backend_engines, buf_str(&bytes), &model);
    if (!e)
        e = train_predict(op, model, &j->valid, &scores);
    if (!e)
        e = job_calibrate(op, j, scores);
    if (!e)
        e = train_evaluate(op, j->params, &j->valid, scores, &j->evaluation);
    if (e)
        return e;
    uint8_t digest[HASH_SHA256_LEN];
    hash_sha256(bytes.p, bytes.len, digest);
    hash_hex(digest, sizeof(digest), j->model_sha256);
    j->info = *model_info(model);
    struct json_out w;
    json_out_init(&w, &metrics, 2);
    metrics_write(&w, j);
    buf_add_char(&metrics, '\n');
    /* Made only now: a frame or a parameter that is refused leaves no folder behind. */
    if (command_has(j->ctx, "package-out"))
        e = file_make_dirs(op, op_printf(op, "%.*s/model", STR_FMT(command_str(j->ctx, "package-out"))), 0777);
    if (!e && command_has(j->ctx, "model-out"))
        e = model_save(op, j, buf_str(&bytes));
    if (!e && command_has(j->ctx, "metrics-out"))
        e = file_write(op, str_cstr(op->arena, command_str(j->ctx, "metrics-out")), buf_str(&metrics));
    if (!e && command_has(j->ctx, "predictions-out"))
        e = train_scores_save(op, tables, command_str(j->ctx, "predictions-out"), j->params, &j->valid, scores);
    if (!e)
        e = job_log_results(op, j, model, buf_str(&bytes), buf_str(&metrics));
    return e;
}

static void job_say(struct train_job *j)
{
    const struct interval *m = j->evaluation->all.metric;
    metrics_write(command_out(j->ctx), j);
    command_say(j->ctx, "%.*s: %zu rows fitted, %zu validated, %zu features, %lld rounds (best %lld) in %.1f s", STR_FMT(j->learner_name),
                j->fit.rows, j->valid.rows, j->fit.cols, (long long)j->result.rounds, (long long)j->result.best_round, j->train_seconds);
    command_say(j->ctx, "  auc %.4f [%.4f, %.4f]  log-loss %.4f  brier %.4f  ece %.4f  accuracy %.4f", m[TRAIN_AUC].value, m[TRAIN_AUC].lo,
                m[TRAIN_AUC].hi, m[TRAIN_LOG_LOSS].value, m[TRAIN_BRIER].value, m[TRAIN_ECE].value, m[TRAIN_ACCURACY].value);
    if (j->log)
        command_say(j->ctx, "  run %.*s", STR_FMT(run_log_id(j->log)));
}

static enum err train_run(struct op *op, struct command_ctx *ctx)
{
    struct train_job j = {.ctx = ctx};
    AUTO(table_engine) struct table_engine *tables = NULL;
    AUTO(train_rows) struct train_rows *rows = NULL;
    AUTO(client) struct client *client = NULL;
    if (!command_has(ctx, "model-out") && !command_has(ctx, "package-out"))
        return op_fail(op, E_INVALID, "say where the model goes: --model-out FILE or --package-out DIR");
    enum err e = job_read(op, &j);
    if (!e)
        e = backend_tables_open(op, &tables);
    int64_t start = time_mono_ns();
    if (!e)
        e = train_rows_load(op, tables, j.frame_path, j.params, j.params->fit_start_us, j.params->valid_end_us, true, &rows);
    if (!e && j.params->transform)
        e = train_transform_fit(op, tables, j.frame_path, j.params, rows, j.params->fit_start_us, j.params->valid_end_us, &j.transform);
    if (e)
        return e;
    j.load_seconds = (double)(time_mono_ns() - start) / 1e9;
    j.all = *rows;
    j.fit = train_rows_between(rows, j.params->fit_start_us, j.params->fit_end_us);
    j.valid = train_rows_between(rows, j.params->fit_end_us, j.params->valid_end_us);
    if (command_has(ctx, "tracking-uri")) {
        const struct client_config config = {.base_url = command_str(ctx, "tracking-uri"), .bearer_token = str_from(getenv("INGOT_TOKEN"))};
        e = client_create(op, &config, &client);
        if (!e)
            e = job_log_start(op, &j, client);
        if (e)
            return e;
    }
    e = job_train(op, &j, tables);
    if (e) { /* the run ends as FAILED; the first failure stays the command's answer */
        struct op end;
        op_init(&end, op->arena);
        if (run_log_end(&end, j.log, false) != OK)
            op_context(op, "(and the run could not be marked FAILED: %s)", end.msg);
        return e;
    }
    e = run_log_end(op, j.log, true);
    if (!e)
        job_say(&j);
    return e;
}

static const struct option_row train_options[] = {
    {"frame", OPTION_STRING, "FILE", "training frame, Parquet (ingot features join)", NULL, true},
    {"params", OPTION_STRING, "FILE", "params.yaml: split, learner sections, evaluation", "params.yaml", false},
    {"learner", OPTION_STRING, "NAME", "xgboost or logistic", "xgboost", false},
    {"model-out", OPTION_STRING, "FILE", "where the model goes", NULL, false},
    {"metrics-out", OPTION_STRING, "FILE", "measures on the validation rows, JSON", NULL, false},
    {"predictions-out", OPTION_STRING, "FILE", "scores of the validation rows, Parquet", NULL, false},
    {"package-out", OPTION_STRING, "DIR", "the model as a folder: MLmodel, signature, monitor reference", NULL, false},
    {"tracking-uri", OPTION_STRING, "URL", "log the run to this MLflow-compatible server", NULL, false},
    {"experiment", OPTION_STRING, "NAME", "experiment of the run", "Default", false},
    {"run-name", OPTION_STRING, "NAME", "name of the run; else the learner's", NULL, false},
    {0},
};

const struct command train_commands[] = {
    {"train", "", 0, 0, "train a model on a frame",
     "Fits on the rows from split.fit_start to split.fit_end, validates on those up to split.valid_end (by time), writes the model, and\n"
     "logs parameters, metrics per round, the model with its signature, and where code and data came from. With `transform` in the params\n"
     "the frame's raw columns become features by steps that are fitted on the fit rows; with `calibrate` the scores become probabilities by a map\n"
     "fitted on the validation rows. Both are kept beside the model and used wherever it is served.",
     "  ingot train --frame frame.parquet --params params.yaml --learner xgboost --model-out model.json\n"
     "  ingot train --frame frame.parquet --learner logistic --model-out m.json --tracking-uri http://127.0.0.1:5000 --experiment flights",
     train_options, train_run},
    {0},
};
