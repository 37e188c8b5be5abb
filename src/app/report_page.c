#include "app/report_page.h"

#include <math.h>
#include <stdio.h>

#include "base/limits.h"
#include "ui_gen.h"

#define DATA_MARK "@@DATA@@"

static double number(const struct json *j, const char *path)
{
    double v = NAN;
    const struct json *n = json_path(j, path);
    json_as_f64(n, &v);
    return v;
}

static struct str text(const struct json *j, const char *key)
{
    const struct json *t = json_get(j, key);
    return t && t->type == JSON_STRING ? t->s : STR("");
}

static uint32_t length(const struct json *array)
{
    return array && array->type == JSON_ARRAY ? array->len : 0;
}

static void point(struct json_out *w, double x, double y)
{
    json_begin_array(w);
    json_f64(w, x);
    json_f64(w, y);
    json_end_array(w);
}

/* One line: member `path` of each window over the window's start. */
static void window_series(struct json_out *w, const struct json *windows, const char *name, const char *path, double scale)
{
    json_begin_object(w);
    json_kv_cstr(w, "name", name);
    json_key(w, "points");
    json_begin_array(w);
    for (uint32_t i = 0; i < length(windows); i++)
        point(w, number(&windows->items[i], "start_us"), number(&windows->items[i], path) * scale);
    json_end_array(w);
    json_end_object(w);
}

struct line {
    const char *name, *path;
    double scale;
};

static void marks(struct json_out *w, const struct report_docs *d)
{
    json_key(w, "marks");
    json_begin_array(w);
    for (uint32_t i = 0; i < length(d->rollouts); i++) {
        const struct json *r = &d->rollouts->items[i];
        struct str state = text(r, "state");
        bool good = str_find(state, STR("promot")) != SIZE_MAX;
        const double x[2] = {number(r, "started_us"), number(r, "finished_us")};
        for (int k = 0; k < 2; k++) {
            if (isnan(x[k]))
                continue;
            char label[64];
            snprintf(label, sizeof label, "v%.0f %.*s", number(r, "candidate"), STR_FMT(k ? state : STR("starts")));
            json_begin_object(w);
            json_kv_f64(w, "x", x[k]);
            json_kv_cstr(w, "text", label);
            json_kv_cstr(w, "cls", k ? (good ? "ok" : "bad") : "warn");
            json_end_object(w);
        }
    }
    json_end_array(w);
}

static void window_chart(struct json_out *w, const struct report_docs *d, const char *title, const char *note, const struct line *lines, size_t n,
                         double level, const char *level_text)
{
    json_begin_object(w);
    json_kv_cstr(w, "title", title);
    json_kv_cstr(w, "note", note);
    json_key(w, "series");
    json_begin_array(w);
    for (size_t i = 0; i < n; i++)
        window_series(w, d->windows, lines[i].name, lines[i].path, lines[i].scale);
    json_end_array(w);
    marks(w, d);
    json_key(w, "levels");
    json_begin_array(w);
    if (level_text) {
        json_begin_object(w);
        json_kv_f64(w, "y", level);
        json_kv_cstr(w, "text", level_text);
        json_end_object(w);
    }
    json_end_array(w);
    json_end_object(w);
}

/* The share of features that a window calls drifted, and the score's PSI. */
static void drift_chart(struct json_out *w, const struct report_docs *d)
{
    json_begin_object(w);
    json_kv_cstr(w, "title", "Drift against the training reference");
    json_kv_cstr(w, "note", "share of features that drifted, and the PSI of the score, per day");
    json_key(w, "series");
    json_begin_array(w);
    json_begin_object(w);
    json_kv_cstr(w, "name", "features drifted");
    json_key(w, "points");
    json_begin_array(w);
    for (uint32_t i = 0; i < length(d->windows); i++) {
        uint32_t n = length(json_get(&d->windows->items[i], "features"));
        point(w, number(&d->windows->items[i], "start_us"), n ? number(&d->windows->items[i], "drifted") / n : NAN);
    }
    json_end_array(w);
    json_end_object(w);
    window_series(w, d->windows, "score PSI", "score.psi", 1);
    json_end_array(w);
    marks(w, d);
    json_end_object(w);
}

static void calibration_chart(struct json_out *w, const struct json *evaluation)
{
    const struct json *models = json_get(evaluation, "models");
    json_begin_object(w);
    json_kv_cstr(w, "title", "Calibration on validation rows");
    json_kv_cstr(w, "note", "mean score against the share of late flights, ten bins; the dotted line is perfect");
    json_key(w, "time");
    json_bool(w, false);
    json_kv_bool(w, "diagonal", true);
    json_kv_f64(w, "yMin", 0);
    json_kv_f64(w, "yMax", 1);
    json_key(w, "series");
    json_begin_array(w);
    for (uint32_t m = 0; m < length(models); m++) {
        const struct json *bins = json_path(&models->items[m], "evaluation.calibration");
        json_begin_object(w);
        json_kv_str(w, "name", text(&models->items[m], "learner"));
        json_key(w, "points");
        json_begin_array(w);
        for (uint32_t b = 0; b < length(bins); b++)
            if (number(&bins->items[b], "rows") > 0)
                point(w, number(&bins->items[b], "mean_score"), number(&bins->items[b], "mean_label"));
        json_end_array(w);
        json_end_object(w);
    }
    json_end_array(w);
    json_end_object(w);
}

static void heads(struct json_out *w, const char *const *names, size_t n, unsigned numeric, unsigned state)
{
    json_key(w, "heads");
    json_begin_array(w);
    for (size_t i = 0; i < n; i++) {
        json_begin_object(w);
        json_kv_cstr(w, "t", names[i]);
        json_kv_bool(w, "n", numeric >> i & 1);
        json_kv_bool(w, "state", state >> i & 1);
        json_end_object(w);
    }
    json_end_array(w);
}

static void pipeline_table(struct json_out *w, const struct json *pipeline)
{
    static const char *const names[] = {"stage", "state", "seconds", "why"};
    const struct json *stages = json_get(pipeline, "stages");
    json_key(w, "table");
    json_begin_object(w);
    heads(w, names, ARRAY_LEN(names), 1u << 2, 1u << 1);
    json_key(w, "rows");
    json_begin_array(w);
    for (uint32_t i = 0; i < length(stages); i++) {
        json_begin_array(w);
        json_str(w, text(&stages->items[i], "name"));
        json_str(w, text(&stages->items[i], "state"));
        json_f64(w, number(&stages->items[i], "wall_s"));
        json_str(w, text(&stages->items[i], "reason"));
        json_end_array(w);
    }
    json_end_array(w);
    json_end_object(w);
}

/* The best model by origin, the busiest ones first. */
static void segment_table(struct json_out *w, const struct json *evaluation)
{
    static const char *const names[] = {"origin", "flights", "late", "AUC", "95 % interval", "log-loss", "calibration error"};
    const struct json *segments = json_path(evaluation, "best.evaluation.segments");
    json_key(w, "table");
    json_begin_object(w);
    heads(w, names, ARRAY_LEN(names), 0x7e, 0);
    json_key(w, "rows");
    json_begin_array(w);
    for (uint32_t i = 0; i < length(segments); i++) {
        const struct json *s = &segments->items[i];
        char interval[64];
        snprintf(interval, sizeof interval, "%.3f to %.3f", number(s, "auc.lo"), number(s, "auc.hi"));
        json_begin_array(w);
        json_str(w, text(s, "name"));
        json_f64(w, number(s, "rows"));
        json_f64(w, number(s, "base_rate"));
        json_f64(w, number(s, "auc.value"));
        json_cstr(w, interval);
        json_f64(w, number(s, "log_loss.value"));
        json_f64(w, number(s, "ece.value"));
        json_end_array(w);
    }
    json_end_array(w);
    json_end_object(w);
}

static void rollout_rows(struct json_out *w, const struct json *rollout)
{
    const struct json *decisions = json_get(rollout, "decisions");
    for (uint32_t i = 0; i < length(decisions); i++) {
        const struct json *d = &decisions->items[i];
        char day[64], share[64], bounds[96];
        double at = number(d, "at_us");
        snprintf(share, sizeof share, "%.1f %% to %.1f %%", number(d, "from_permille") / 10, number(d, "to_permille") / 10);
        snprintf(bounds, sizeof bounds, "%+.5f [%+.5f, %+.5f]", number(d, "diff"), number(d, "lo"), number(d, "hi"));
        snprintf(day, sizeof day, "day %.0f", (at - number(rollout, "started_us")) / 86400e6);
        json_begin_array(w);
        json_f64(w, number(rollout, "candidate"));
        json_cstr(w, day);
        json_str(w, text(d, "verdict"));
        json_cstr(w, share);
        json_cstr(w, isnan(number(d, "diff")) ? "" : bounds);
        json_f64(w, number(d, "evidence.control.labels"));
        json_f64(w, number(d, "evidence.candidate.labels"));
        json_str(w, text(d, "reason"));
        json_end_array(w);
    }
}

static void rollout_table(struct json_out *w, const struct json *rollouts)
{
    static const char *const names[] = {"candidate", "when", "verdict", "traffic", "log-loss against live [bounds]", "labels live", "labels candidate", "why"};
    json_key(w, "table");
    json_begin_object(w);
    heads(w, names, ARRAY_LEN(names), 1u << 0 | 1u << 5 | 1u << 6, 1u << 2);
    json_key(w, "rows");
    json_begin_array(w);
    for (uint32_t i = 0; i < length(rollouts); i++)
        rollout_rows(w, &rollouts->items[i]);
    json_end_array(w);
    json_end_object(w);
}

static void alert_table(struct json_out *w, const struct json *alerts)
{
    static const char *const names[] = {"rule", "subject", "state", "value", "limit"};
    json_key(w, "table");
    json_begin_object(w);
    heads(w, names, ARRAY_LEN(names), 1u << 3 | 1u << 4, 1u << 2);
    json_key(w, "rows");
    json_begin_array(w);
    for (uint32_t i = 0; i < length(alerts); i++) {
        json_begin_array(w);
        json_str(w, text(&alerts->items[i], "rule"));
        json_str(w, text(&alerts->items[i], "subject"));
        json_str(w, text(&alerts->items[i], "state"));
        json_f64(w, number(&alerts->items[i], "value"));
        json_f64(w, number(&alerts->items[i], "limit"));
        json_end_array(w);
    }
    json_end_array(w);
    json_end_object(w);
}

static void section(struct json_out *w, const char *title, const char *explanation)
{
    json_begin_object(w);
    json_kv_cstr(w, "title", title);
    json_kv_cstr(w, "text", explanation);
}

static void live_section(struct json_out *w, const struct report_docs *d)
{
    static const struct line quality[] = {{"AUC", "auc", 1}}, loss[] = {{"log-loss", "logloss", 1}, {"Brier", "brier", 1}},
                             rates[] = {{"late flights", "base_rate", 1}, {"mean score", "mean_score", 1}},
                             latency[] = {{"p50", "p50_us", 1}, {"p95", "p95_us", 1}, {"p99", "p99_us", 1}};
    section(w, "Live, day by day", "Each flight was asked over HTTP in event time; its label came a day later. A day's window closes when its labels are due.");
    json_key(w, "charts");
    json_begin_array(w);
    window_chart(w, d, "Ranking on late labels", "AUC per day", quality, 1, 0, NULL);
    window_chart(w, d, "Loss on late labels", "per day", loss, 2, 0, NULL);
    window_chart(w, d, "What happened and what was said", "share of late flights and mean score per day", rates, 2, 0, NULL);
    drift_chart(w, d);
    window_chart(w, d, "Latency in the server", "microseconds per request, per day", latency, 3, 0, NULL);
    json_end_array(w);
    json_end_object(w);
}

static void cards(struct json_out *w, const struct report_docs *d)
{
    double requests = 0;
    for (int i = 0; i < 2; i++)
        if (!isnan(number(d->replays[i], "requests")))
            requests += number(d->replays[i], "requests");
    const struct {
        double v;
        const char *label;
    } list[] = {
        {number(d->evaluation, "best.evaluation.auc.value"), "AUC on validation rows"},
        {number(d->evaluation, "best.evaluation.log_loss.value"), "log-loss"},
        {requests, "live requests"},
        {number(d->replays[0], "requests_per_s"), "requests a second"},
        {length(d->windows), "windows watched"},
        {length(d->rollouts), "rollouts decided"},
        {(double)d->seconds, "seconds in all"},
    };
    json_key(w, "cards");
    json_begin_array(w);
    for (size_t i = 0; i < ARRAY_LEN(list); i++) {
        json_begin_array(w);
        json_f64(w, list[i].v);
        json_cstr(w, list[i].label);
        json_end_array(w);
    }
    json_end_array(w);
}

static void data_write(struct json_out *w, const struct report_docs *d)
{
    json_begin_object(w);
    json_kv_cstr(w, "subtitle", "Three million flights of 2001: validated, turned into features as of each departure, learnt, served, watched, retrained and rolled "
                                "out. Every figure here stands in summary.json and is recomputed by verify.py.");
    cards(w, d);
    json_key(w, "sections");
    json_begin_array(w);
    section(w, "Pipeline", "Stages of dvc.yaml; what did not change is skipped.");
    pipeline_table(w, d->pipeline);
    json_end_object(w);
    section(w, "Evaluation", "Both learners on the same later weeks.");
    json_key(w, "charts");
    json_begin_array(w);
    calibration_chart(w, d->evaluation);
    json_end_array(w);
    segment_table(w, d->evaluation);
    json_end_object(w);
    live_section(w, d);
    section(w, "Rollouts", "A candidate is compared with an equal slice of the live version on late labels; the bounds hold however often one looks.");
    rollout_table(w, d->rollouts);
    json_end_object(w);
    section(w, "Alerts", "Rules that changed their state.");
    alert_table(w, d->alerts);
    json_end_object(w);
    json_end_array(w);
    json_end_object(w);
}

enum err report_page(struct op *op, const struct report_docs *docs, struct buf *out)
{
    AUTO(buf) struct buf data;
    struct json_out w;
    buf_init(&data, LIMIT_MIB(64));
    json_out_init(&w, &data, 0);
    w.nonfinite = JSON_NONFINITE_NULL;
    data_write(&w, docs);
    struct str page = {(const char *)ui_files[0].bytes, ui_files[0].size};
    size_t mark = str_find(page, STR(DATA_MARK));
    if (mark == SIZE_MAX)
        return op_fail(op, E_INTERNAL, "the report's page has no place for its data");
    buf_add(out, page.p, mark);
    struct str json = buf_str(&data);
    for (size_t i = 0; i < json.len; i++) {
        if (json.p[i] == '<')
            buf_add_cstr(out, "\\u003c");
        else
            buf_add_char(out, json.p[i]);
    }
    buf_add_str(out, str_sub(page, mark + sizeof DATA_MARK - 1, SIZE_MAX));
    return data.failed || out->failed ? op_fail(op, E_TOO_LARGE, "the report is too large") : OK;
}
