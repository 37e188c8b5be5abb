/* cmd_report.c - `ingot report flights DIR`: gathers what the demo's commands left in DIR/out into DIR/summary.json (every printed
 * figure), a table, and DIR/report.html (charts, one file, no request to anywhere).
 *
 * Nothing is computed here that changes a figure: values are looked up in the documents by path, so that summary.json,
 * the table and the page cannot disagree. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "app/commands.h"
#include "app/report_page.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/vec.h"

#define LIMIT_REPORT_BYTES LIMIT_MIB(256)

enum doc { DOC_VALIDATION, DOC_POISONED, DOC_RUN, DOC_EVALUATION, DOC_REGISTERED, DOC_REPLAY1, DOC_REPLAY2, DOC_WINDOWS, DOC_ALERTS, DOC_ROLLOUTS, DOC_RETRAINS, DOC_AUDIT, DOC_COUNT };
static const char *const doc_paths[DOC_COUNT] = {
    [DOC_VALIDATION] = "pipeline/validation.json", [DOC_POISONED] = "out/poisoned.json",   [DOC_RUN] = "out/run.json",
    [DOC_EVALUATION] = "pipeline/evaluation.json", [DOC_REGISTERED] = "pipeline/registered.json", [DOC_REPLAY1] = "out/replay1.json",
    [DOC_REPLAY2] = "out/replay2.json",            [DOC_WINDOWS] = "out/windows.json",     [DOC_ALERTS] = "out/alerts.json",
    [DOC_ROLLOUTS] = "out/rollouts.json",          [DOC_RETRAINS] = "out/retrains.json",   [DOC_AUDIT] = "out/audit.json",
};

/* A figure of the summary: where it is read, and what it is called. */
struct figure {
    const char *step, *name;
    enum doc doc;
    const char *path;   /* dotted, "[]" at the end: the array's length */
    const char *unit;
};
static const struct figure figures[] = {
    {"validate", "rows", DOC_VALIDATION, "meta.rows", "rows"},
    {"validate", "expectations", DOC_VALIDATION, "statistics.evaluated_expectations", ""},
    {"validate", "expectations_held", DOC_VALIDATION, "statistics.successful_expectations", ""},
    {"validate", "poisoned_failed", DOC_POISONED, "statistics.unsuccessful_expectations", ""},
    {"evaluate", "rows", DOC_EVALUATION, "best.evaluation.rows", "rows"},
    {"evaluate", "auc", DOC_EVALUATION, "best.evaluation.auc.value", ""},
    {"evaluate", "auc_lo", DOC_EVALUATION, "best.evaluation.auc.lo", ""},
    {"evaluate", "auc_hi", DOC_EVALUATION, "best.evaluation.auc.hi", ""},
    {"evaluate", "log_loss", DOC_EVALUATION, "best.evaluation.log_loss.value", ""},
    {"evaluate", "brier", DOC_EVALUATION, "best.evaluation.brier.value", ""},
    {"evaluate", "ece", DOC_EVALUATION, "best.evaluation.ece.value", ""},
    {"evaluate", "gates", DOC_EVALUATION, "gates[]", ""},
    {"register", "version", DOC_REGISTERED, "version", ""},
    {"live", "windows", DOC_WINDOWS, "windows[]", ""},
    {"live", "alerts", DOC_ALERTS, "alerts[]", ""},
    {"retrain", "runs", DOC_RETRAINS, "retrains[]", ""},
    {"rollout", "rollouts", DOC_ROLLOUTS, "rollouts[]", ""},
    {"audit", "rows", DOC_AUDIT, "rows[]", ""},
};

static enum err docs_load(struct op *op, const char *dir, const struct json **docs)
{
    for (int i = 0; i < DOC_COUNT; i++) {
        struct str text;
        struct json *j = NULL;
        const char *path = op_printf(op, "%s/%s", dir, doc_paths[i]);
        enum err e = file_read(op, path, LIMIT_JSON_BYTES, &text);
        if (e || (e = json_parse(op, text, JSON_NAN, &j)))
            return op_context(op, "%s", path);
        docs[i] = j;
    }
    return OK;
}

/* NaN when the document has no such number. */
static double figure_value(struct op *op, const struct json *const *docs, const struct figure *f)
{
    struct str path = str_from(f->path);
    bool count = str_ends(path, STR("[]"));
    const struct json *j = json_path(docs[f->doc], str_cstr(op->arena, str_sub(path, 0, path.len - (count ? 2 : 0))));
    double v = NAN;
    if (count)
        return j && j->type == JSON_ARRAY ? (double)j->len : NAN;
    json_as_f64(j, &v);
    return v;
}

/* summary.json: the figures by step, then what the two replays, the rollouts and the pipeline said, whole. */
static void summary_write(struct op *op, struct json_out *w, const struct json *const *docs, int64_t seconds)
{
    static const struct {
        const char *key;
        enum doc doc;
        const char *path;
    } parts[] = {
        {"pipeline", DOC_RUN, NULL},          {"evaluation", DOC_EVALUATION, NULL}, {"registered", DOC_REGISTERED, NULL},
        {"replay1", DOC_REPLAY1, NULL},       {"replay2", DOC_REPLAY2, NULL},       {"retrains", DOC_RETRAINS, "retrains"},
        {"rollouts", DOC_ROLLOUTS, "rollouts"}, {"alerts", DOC_ALERTS, "alerts"},   {"windows", DOC_WINDOWS, "windows"},
    };
    json_begin_object(w);
    json_kv_i64(w, "seconds", seconds);
    json_key(w, "figures");
    json_begin_array(w);
    for (size_t i = 0; i < ARRAY_LEN(figures); i++) {
        json_begin_object(w);
        json_kv_cstr(w, "step", figures[i].step);
        json_kv_cstr(w, "name", figures[i].name);
        json_kv_f64(w, "value", figure_value(op, docs, &figures[i]));
        json_end_object(w);
    }
    json_end_array(w);
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        const struct json *j = parts[i].path ? json_path(docs[parts[i].doc], parts[i].path) : docs[parts[i].doc];
        json_key(w, parts[i].key);
        if (j)
            json_value(w, j);
        else
            json_null(w);
    }
    json_end_object(w);
}

static void table_say(struct op *op, struct command_ctx *ctx, const struct json *const *docs, int64_t seconds)
{
    const char *step = "";
    command_say(ctx, "%-10s %-20s %s", "step", "figure", "value");
    for (size_t i = 0; i < ARRAY_LEN(figures); i++) {
        double v = figure_value(op, docs, &figures[i]);
        command_say(ctx, "%-10s %-20s %.*g", strcmp(step, figures[i].step) ? figures[i].step : "", figures[i].name, v == floor(v) ? 15 : 4, v);
        step = figures[i].step;
    }
    const struct json *rollouts = json_get(docs[DOC_ROLLOUTS], "rollouts");
    for (uint32_t i = 0; rollouts && rollouts->type == JSON_ARRAY && i < rollouts->len; i++) {
        const struct json *state = json_get(&rollouts->items[i], "state");
        int64_t candidate = 0;
        json_as_i64(json_get(&rollouts->items[i], "candidate"), &candidate);
        command_say(ctx, "%-10s candidate %-10" PRId64 " %.*s", i ? "" : "verdicts", candidate, STR_FMT(state && state->type == JSON_STRING ? state->s : STR("?")));
    }
    command_say(ctx, "%-10s %-20s %" PRId64, "demo", "seconds", seconds);
}

static enum err flights_run(struct op *op, struct command_ctx *ctx)
{
    const struct str *args = NULL;
    const struct json *docs[DOC_COUNT];
    command_args(ctx, &args);
    const char *dir = str_cstr(op->arena, args[0]);
    int64_t seconds = command_int(ctx, "seconds");
    enum err e = docs_load(op, dir, docs);
    if (e)
        return e;
    AUTO(buf) struct buf summary, page;
    struct json_out w;
    buf_init(&summary, LIMIT_REPORT_BYTES);
    buf_init(&page, LIMIT_REPORT_BYTES);
    json_out_init(&w, &summary, 2);
    w.nonfinite = JSON_NONFINITE_NULL;
    summary_write(op, &w, docs, seconds);
    buf_add_char(&summary, '\n');
    struct report_docs parts = {
        .evaluation = docs[DOC_EVALUATION], .windows = json_get(docs[DOC_WINDOWS], "windows"), .alerts = json_get(docs[DOC_ALERTS], "alerts"),
        .rollouts = json_get(docs[DOC_ROLLOUTS], "rollouts"), .retrains = json_get(docs[DOC_RETRAINS], "retrains"),
        .pipeline = docs[DOC_RUN], .replays = {docs[DOC_REPLAY1], docs[DOC_REPLAY2]}, .poisoned = docs[DOC_POISONED],
        .audit = json_get(docs[DOC_AUDIT], "rows"), .seconds = seconds};
    if ((e = report_page(op, &parts, &page)) || (e = file_write(op, op_printf(op, "%s/summary.json", dir), buf_str(&summary))) ||
        (e = file_write(op, op_printf(op, "%s/report.html", dir), buf_str(&page))))
        return e;
    json_raw(command_out(ctx), str_trim(buf_str(&summary)));
    table_say(op, ctx, docs, seconds);
    return OK;
}

static const struct option_row flights_options[] = {
    {"seconds", OPTION_INT, "N", "how long the demo took", "0", false},
    {0},
};
const struct command report_commands[] = {
    {"report flights", "DIR", 1, 1, "gather the demo's results into a summary and a page",
     "Reads what examples/flights/demo.sh left in DIR and writes DIR/summary.json and DIR/report.html.", "  ingot report flights build/demo",
     flights_options, flights_run},
    {0},
};
