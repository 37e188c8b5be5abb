/* What a rule knows of a metric of a run is the position of the last point it judged, in the order of the history (time, step,
 * value), the number of points at that time, and the length of the present row of points that fulfil it. The series' own count of
 * points says whether anything is new, without reading points; if more came than stand behind the position, some came late, and
 * the series is judged again from its start.
 *
 * A look may meet many crossings of one metric, when points come in batches. It tells of at most one firing (the first) and one
 * resolution (the last), and of none that cancel out what was told before: nobody wants a thousand messages a second.
 *
 * When a run is over, the rows of its series become one, so that a rule that looks at every metric of every run stays small.
 * Should points come all the same, the run is judged again from its start, and only how it ends counts.
 *
 * Rules of silence keep one row per running run: how many points it had when a look last found new ones, and when that was. */
#include "core/alert/watch.h"

#include <inttypes.h>
#include <math.h>

#include "base/limits.h"
#include "base/time.h"
#include "base/vec.h"
#include "core/track/change.h"
#include "core/track/points.h"
#include "core/track/run_scan.h"
#include "core/track/run_search.h"
#include "core/track/store.h"
#include "core/webhook/raise.h"
#include "sql_gen.h"

#define CHANGE_ROWS 20000 /* of the log, in one look */
#define SILENT_RUNS 256
#define NO_MORE "the rule does not apply to the run any more"

struct point {
    int64_t time_ms, step, value, is_nan;
};
struct watch {
    int64_t points, streak, seen_us;
    struct point last;
};
struct series {
    int64_t id, points;
    struct str key;
};
/* What a look decided. */
struct change {
    enum { PUT, DROP, FIRE, RESOLVE } what;
    const struct alert_rule *rule;
    const struct track_run *run;
    struct str metric;
    struct watch watch;   /* PUT */
    bool has_value;       /* FIRE, RESOLVE */
    struct point point;
    struct str reason;
    int64_t alert;        /* RESOLVE */
};
struct look {
    struct alerts *a;
    int64_t since_us;
    struct alert_rule *rules;
    struct filter *filters;
    size_t rule_count;
    int64_t cursor, version, next_cursor;
    VEC(int64_t) runs;
    bool all_running;     /* the log was trimmed past us */
    bool more;
    VEC(struct change) changes;
    size_t fired, resolved;
    bool lost;            /* another server was first */
    bool must_write;
};
/* One run under judgement. */
struct subject {
    struct track_run *run;
    bool gone;
    VEC(struct series) series;
};

static enum err too_much(struct op *op)
{
    return op_fail(op, E_TOO_LARGE, "a look at the alert rules does not fit into memory");
}

static enum err decide(struct op *op, struct look *l, const struct change *c)
{
    struct change *slot = store_room(op, 0) ? NULL : vec_push(&l->changes, op->arena);
    if (!slot)
        return too_much(op);
    *slot = *c;
    return OK;
}

/* ---- which runs ---- */

static enum err add_run(struct op *op, struct look *l, int64_t row)
{
    for (size_t i = 0; i < l->runs.len; i++)
        if (l->runs.p[i] == row)
            return OK;
    int64_t *slot = vec_push(&l->runs, op->arena);
    if (!slot)
        return too_much(op);
    *slot = row;
    return OK;
}

/* Runs of the log behind the cursor, each once, up to LIMIT_ALERT_RUNS. */
static enum err changed_runs(struct op *op, struct db_tx *tx, struct look *l)
{
    struct db_rows *rows = NULL;
    bool more = false;
    size_t n = 0;
    enum err e = db_query(op, tx, &sql_alert_changes, DB_ARGS(DB_I64(l->cursor), DB_I64(CHANGE_ROWS)), &rows);
    if (e)
        return e;
    while (!(e = db_step(op, tx, rows, &more)) && more) {
        int64_t run = db_col_i64(tx, rows, 1);
        if (l->runs.len == LIMIT_ALERT_RUNS)
            break;
        if (run > 0 && (e = add_run(op, l, run)))
            break;
        l->next_cursor = db_col_i64(tx, rows, 0);
        n++;
    }
    db_end(tx, rows);
    l->more = more || n == CHANGE_ROWS;
    return e;
}

static enum err running_runs(struct op *op, struct db_tx *tx, int64_t experiment, struct look *l)
{
    struct db_rows *rows = NULL;
    bool more = false, all = experiment == ALERT_ALL_EXPERIMENTS;
    struct db_val arg = DB_I64(experiment);
    enum err e = db_query(op, tx, all ? &sql_alert_running : &sql_alert_running_in, all ? NULL : &arg, !all, &rows);
    if (e)
        return e;
    while (!(e = db_step(op, tx, rows, &more)) && more && !e) {
        int64_t *slot = vec_push(&l->runs, op->arena);
        if (!slot) {
            e = too_much(op);
            break;
        }
        *slot = db_col_i64(tx, rows, 0);
    }
    db_end(tx, rows);
    return e;
}

/* ---- a run ---- */

static enum err load_series(struct op *op, struct db_tx *tx, struct subject *s)
{
    struct db_rows *rows = NULL;
    bool more = false;
    enum err e = db_query(op, tx, &sql_alert_series, DB_ARGS(DB_I64(s->run->row)), &rows);
    if (e)
        return e;
    while (!(e = db_step(op, tx, rows, &more)) && more) {
        struct series *slot = store_room(op, 0) ? NULL : vec_push(&s->series, op->arena);
        if (!slot) {
            e = too_much(op);
            break;
        }
        *slot = (struct series){db_col_i64(tx, rows, 0), db_col_i64(tx, rows, 2), db_col_dup(op, tx, rows, 1)};
    }
    db_end(tx, rows);
    return e;
}

static enum err load_subject(struct op *op, struct db_tx *tx, int64_t row, struct subject *s)
{
    struct db_rows *rows = NULL;
    bool there = false;
    *s = (struct subject){.run = op_new(op, struct track_run), .gone = true};
    enum err e = db_query(op, tx, &sql_track_run_by_id, DB_ARGS(DB_I64(row)), &rows);
    if (e)
        return e;
    e = db_step(op, tx, rows, &there);
    if (!e && there) {
        track_run_row(op, tx, rows, s->run);
        s->gone = s->run->deleted;
    }
    db_end(tx, rows);
    s->run->row = row;
    return e || s->gone ? e : load_series(op, tx, s);
}

static enum err load_watch(struct op *op, struct db_tx *tx, const struct alert_rule *r, int64_t run, struct str metric, bool *ret_found, struct watch *ret)
{
    struct db_val v[7];
    enum err e = db_query_one(op, tx, &sql_alert_watch_get, DB_ARGS(DB_I64(r->row), DB_I64(run), DB_TEXT(metric)), v, ARRAY_LEN(v));
    *ret_found = !e;
    *ret = (struct watch){0};
    if (e == E_NOT_FOUND) {
        op_clear(op);
        return OK;
    }
    if (!e)
        *ret = (struct watch){v[0].i, v[5].i, v[6].i, {v[1].i, v[2].i, v[3].i, v[4].i}};
    return e;
}

/* The alert that is open for this, 0 if none. */
static enum err open_alert(struct op *op, struct db_tx *tx, const struct alert_rule *r, int64_t run, struct str metric, int64_t *ret)
{
    struct db_val v;
    enum err e = db_query_one(op, tx, &sql_alert_open_get, DB_ARGS(DB_I64(r->row), DB_I64(run), DB_TEXT(metric)), &v, 1);
    *ret = e ? 0 : v.i;
    if (e == E_NOT_FOUND) {
        op_clear(op);
        return OK;
    }
    return e;
}

/* ---- points ---- */

/* The crossings of one look: the first firing that nobody knows of, and the last resolution. */
struct crossing {
    bool was, is;
    bool latest; /* the last firing counts, not the first */
    bool fired, resolved;
    struct point fire, resolve;
};

static void cross(struct crossing *x, bool firing, const struct point *p)
{
    if (firing == x->is)
        return;
    x->is = firing;
    if (firing && !x->was && (!x->fired || x->latest)) {
        x->fired = true;
        x->fire = *p;
    }
    if (!firing) {
        x->resolved = true;
        x->resolve = *p;
    }
}

static void judge_point(const struct alert_rule *r, struct watch *w, struct crossing *x, const struct point *p)
{
    w->last = *p;
    w->points++;
    if (r->kind == ALERT_NAN) {
        cross(x, p->is_nan != 0, p);
        return;
    }
    if (p->is_nan)
        return;
    if (!alert_rule_holds(r, store_to_f64(p->value))) {
        w->streak = 0;
        cross(x, false, p);
        return;
    }
    w->streak++;
    if (w->streak >= r->points)
        cross(x, true, p);
}

struct judging {
    const struct alert_rule *rule;
    struct watch *watch;
    struct crossing *crossing;
};

static enum err judge_some(struct op *op, void *arg, const struct page_point *p, size_t n)
{
    (void)op;
    const struct judging *j = arg;
    for (size_t i = 0; i < n; i++)
        judge_point(j->rule, j->watch, j->crossing, &(struct point){p[i].time_ms, p[i].step, p[i].value, p[i].is_nan});
    return OK;
}

static enum err judge_points(struct op *op, struct db_tx *tx, const struct alert_rule *r, const struct series *s, bool all, struct watch *w, struct crossing *x)
{
    struct page_point after = {w->last.time_ms, w->last.step, w->last.value, w->last.is_nan};
    if (all)
        *w = (struct watch){.seen_us = w->seen_us};
    return points_read(op, tx, s->id, all ? NULL : &after, SIZE_MAX, judge_some, &(struct judging){r, w, x});
}

static struct str point_text(struct op *op, const struct alert_rule *r, struct str metric, const struct point *p)
{
    char number[32] = "NaN";
    if (!p->is_nan)
        json_format_f64(store_to_f64(p->value), number);
    return str_from(op_printf(op, "%.*s: %.*s is %s at step %" PRId64, STR_FMT(alert_rule_text(op, r)), STR_FMT(metric), number, p->step));
}

/* From the start, when it is not known what of it was told: only how it ends counts. */
static enum err judge_again(struct op *op, struct db_tx *tx, const struct alert_rule *r, const struct series *s, struct watch *w, struct crossing *x)
{
    *x = (struct crossing){.was = x->was, .latest = true};
    enum err e = judge_points(op, tx, r, s, true, w, x);
    x->fired = x->is && !x->was;
    x->resolved = x->was && !x->is;
    x->resolve = w->last;
    return e;
}

/* `known`: the rule has judged the run before, but keeps no position in this series. */
static enum err judge_series(struct op *op, struct db_tx *tx, struct look *l, const struct alert_rule *r, const struct subject *s, const struct series *series, bool known)
{
    struct change c = {.rule = r, .run = s->run, .metric = series->key, .has_value = true};
    struct watch w;
    bool found = false;
    enum err e = load_watch(op, tx, r, s->run->row, series->key, &found, &w);
    if (e || (found && w.points == series->points))
        return e;
    if ((e = open_alert(op, tx, r, s->run->row, series->key, &c.alert)))
        return e;
    struct crossing x = {.was = c.alert != 0, .is = c.alert != 0};
    bool again = !found && known;
    if (!again)
        e = judge_points(op, tx, r, series, !found, &w, &x);
    if (!e && (again || (found && w.points != series->points))) /* the latter: some came late */
        e = judge_again(op, tx, r, series, &w, &x);
    c.what = PUT;
    c.watch = w;
    c.watch.seen_us = op->now_us;
    if (!e)
        e = decide(op, l, &c);
    if (!e && x.fired) {
        c.what = FIRE;
        c.point = x.fire;
        c.reason = point_text(op, r, series->key, &x.fire);
        e = decide(op, l, &c);
    }
    if (!e && x.resolved && !x.is && (x.was || x.fired)) {
        c.what = RESOLVE;
        c.point = x.resolve;
        c.reason = point_text(op, r, series->key, &x.resolve);
        e = decide(op, l, &c);
    }
    return e;
}

/* ---- a rule on a run ---- */

static enum err resolve_if_open(struct op *op, struct db_tx *tx, struct look *l, const struct alert_rule *r, const struct subject *s, struct str metric, const char *why)
{
    struct change c = {.what = RESOLVE, .rule = r, .run = s->run, .metric = metric, .reason = str_from(why)};
    enum err e = open_alert(op, tx, r, s->run->row, metric, &c.alert);
    return e || !c.alert ? e : decide(op, l, &c);
}

/* The rule has nothing to do with the run any more: it is deleted, has ended, or the filter does not take it now. */
static enum err leave(struct op *op, struct db_tx *tx, struct look *l, const struct alert_rule *r, const struct subject *s, const char *why)
{
    struct db_rows *rows = NULL;
    bool more = false;
    enum err e = db_query(op, tx, &sql_alert_open_of_run, DB_ARGS(DB_I64(r->row), DB_I64(s->run->row)), &rows);
    if (e)
        return e;
    while (!(e = db_step(op, tx, rows, &more)) && more && !e) {
        struct change c = {.what = RESOLVE, .rule = r, .run = s->run, .alert = db_col_i64(tx, rows, 0), .metric = db_col_dup(op, tx, rows, 1),
                           .reason = str_from(s->gone ? "the run was deleted" : why)};
        if ((e = decide(op, l, &c)))
            break;
    }
    db_end(tx, rows);
    return e ? e : decide(op, l, &(struct change){.what = DROP, .rule = r, .run = s->run});
}

/* A run that is over keeps one row for all its series, under the metric '': how many points it has. */
static enum err judge_metrics(struct op *op, struct db_tx *tx, struct look *l, const struct alert_rule *r, const struct subject *s)
{
    struct change c = {.rule = r, .run = s->run, .metric = STR("")};
    bool over = s->run->has_end && s->run->status != TRACK_RUN_RUNNING, known = false;
    int64_t points = 0;
    enum err e = load_watch(op, tx, r, s->run->row, c.metric, &known, &c.watch);
    for (size_t i = 0; i < s->series.len; i++)
        if (!r->metric.len || str_eq(r->metric, s->series.p[i].key))
            points += s->series.p[i].points;
    if (e || (over && known && c.watch.points == points))
        return e;
    for (size_t i = 0; !e && i < s->series.len; i++)
        if (!r->metric.len || str_eq(r->metric, s->series.p[i].key))
            e = judge_series(op, tx, l, r, s, &s->series.p[i], known);
    if (e || !over)
        return e;
    c.what = DROP;
    if ((e = decide(op, l, &c)))
        return e;
    c.what = PUT;
    c.watch = (struct watch){.points = points, .seen_us = op->now_us};
    return decide(op, l, &c);
}

static enum err judge_silence(struct op *op, struct db_tx *tx, struct look *l, const struct alert_rule *r, const struct subject *s)
{
    struct str none = STR("");
    struct watch w;
    bool found = false;
    int64_t points = 0;
    enum err e = load_watch(op, tx, r, s->run->row, none, &found, &w);
    if (e)
        return e;
    if (s->run->status != TRACK_RUN_RUNNING)
        return found ? leave(op, tx, l, r, s, "the run has ended") : OK;
    for (size_t i = 0; i < s->series.len; i++)
        if (!r->metric.len || str_eq(r->metric, s->series.p[i].key))
            points += s->series.p[i].points;
    if (found && points == w.points)
        return OK;
    struct change c = {.what = PUT, .rule = r, .run = s->run, .metric = none, .watch = {.points = points, .seen_us = op->now_us}};
    e = decide(op, l, &c);
    return e ? e : resolve_if_open(op, tx, l, r, s, none, "points come again");
}

static enum err judge_failure(struct op *op, struct db_tx *tx, struct look *l, const struct alert_rule *r, const struct subject *s)
{
    bool failed = s->run->status == TRACK_RUN_FAILED || s->run->status == TRACK_RUN_KILLED;
    struct change c = {.what = FIRE, .rule = r, .run = s->run, .metric = STR("")};
    if (!failed)
        return resolve_if_open(op, tx, l, r, s, STR(""), "the run has not failed any more");
    enum err e = open_alert(op, tx, r, s->run->row, STR(""), &c.alert);
    c.reason = str_from(op_printf(op, "the run ended as %s", track_run_status_name(s->run->status)));
    return e || c.alert ? e : decide(op, l, &c);
}

static enum err applies(struct op *op, struct db_tx *tx, const struct look *l, size_t rule, const struct subject *s, bool *ret)
{
    const struct alert_rule *r = &l->rules[rule];
    *ret = !s->gone && (r->experiment == ALERT_ALL_EXPERIMENTS || r->experiment == s->run->experiment_id);
    return *ret ? run_scan_match(op, tx, &l->filters[rule], s->run, ret) : OK;
}

static enum err judge(struct op *op, struct db_tx *tx, struct look *l, size_t rule, const struct subject *s)
{
    const struct alert_rule *r = &l->rules[rule];
    bool yes = false;
    enum err e = applies(op, tx, l, rule, s, &yes);
    if (e)
        return e;
    if (!yes)
        return s->gone || r->experiment == ALERT_ALL_EXPERIMENTS || r->experiment == s->run->experiment_id ? leave(op, tx, l, r, s, NO_MORE) : OK;
    if (r->kind == ALERT_STALE)
        return judge_silence(op, tx, l, r, s);
    if (r->kind == ALERT_FAILED)
        return judge_failure(op, tx, l, r, s);
    return judge_metrics(op, tx, l, r, s);
}

/* ---- the look: read ---- */

static enum err parse_filters(struct op *op, struct look *l)
{
    l->filters = arena_array(op->arena, l->rule_count + 1, struct filter);
    if (!l->filters)
        return too_much(op);
    for (size_t i = 0; i < l->rule_count; i++) {
        enum err e = filter_parse(op, &run_search_rules, l->rules[i].filter, &l->filters[i]);
        if (e)
            return op_context(op, "alert rule '%.*s'", STR_FMT(l->rules[i].name));
    }
    return OK;
}

static enum err position(struct op *op, struct db_tx *tx, struct look *l, int64_t *ret_newest)
{
    struct db_val v[2];
    int64_t oldest = 0;
    enum err e = db_query_one(op, tx, &sql_alert_cursor_get, DB_NO_ARGS, v, 2);
    if (e || (e = track_change_ends(op, tx, &oldest, ret_newest)))
        return e;
    l->cursor = l->next_cursor = v[0].i;
    l->version = v[1].i;
    l->all_running = oldest > l->cursor + 1;
    return OK;
}

/* A new rule, before anything else: the runs that run now. */
static enum err look_fresh(struct op *op, struct db_tx *tx, struct look *l, size_t rule)
{
    struct alert_rule *r = &l->rules[rule];
    enum err e = r->kind == ALERT_FAILED ? OK : running_runs(op, tx, r->experiment, l);
    for (size_t i = 0; !e && i < l->runs.len; i++) {
        struct subject s;
        e = load_subject(op, tx, l->runs.p[i], &s);
        if (!e && !s.gone)
            e = judge(op, tx, l, rule, &s);
    }
    l->must_write = l->more = true;
    return e;
}

static enum err look_changes(struct op *op, struct db_tx *tx, struct look *l, int64_t newest)
{
    enum err e = OK;
    if (l->all_running) {
        e = running_runs(op, tx, ALERT_ALL_EXPERIMENTS, l);
        l->next_cursor = newest;
    } else if (newest > l->cursor) {
        e = changed_runs(op, tx, l);
    }
    for (size_t i = 0; !e && i < l->runs.len; i++) {
        struct subject s;
        e = load_subject(op, tx, l->runs.p[i], &s);
        for (size_t k = 0; !e && k < l->rule_count; k++)
            e = judge(op, tx, l, k, &s);
    }
    l->must_write = l->must_write || l->next_cursor != l->cursor;
    return e;
}

static const struct alert_rule *rule_of(const struct look *l, int64_t row, size_t *ret_at)
{
    for (*ret_at = 0; *ret_at < l->rule_count; (*ret_at)++)
        if (l->rules[*ret_at].row == row)
            return &l->rules[*ret_at];
    return NULL;
}

struct silent {
    int64_t rule, run, points, seen_us;
};

static enum err fire_silence(struct op *op, struct db_tx *tx, struct look *l, const struct silent *x)
{
    size_t at;
    const struct alert_rule *r = rule_of(l, x->rule, &at);
    struct subject s;
    bool yes = false;
    enum err e = r ? load_subject(op, tx, x->run, &s) : OK;
    if (e || !r || (e = applies(op, tx, l, at, &s, &yes)))
        return e;
    if (!yes || s.run->status != TRACK_RUN_RUNNING)
        return leave(op, tx, l, r, &s, yes ? "the run has ended" : NO_MORE);
    struct change c = {.what = PUT, .rule = r, .run = s.run, .metric = STR(""), .watch = {.points = x->points, .streak = 1, .seen_us = x->seen_us}};
    if ((e = decide(op, l, &c)))
        return e;
    c.what = FIRE;
    c.reason = alert_rule_text(op, r);
    return decide(op, l, &c);
}

static enum err look_silence(struct op *op, struct db_tx *tx, struct look *l)
{
    struct silent found[SILENT_RUNS];
    struct db_rows *rows = NULL;
    size_t n = 0;
    bool more = false;
    enum err e = db_query(op, tx, &sql_alert_silent, DB_ARGS(DB_I64(op->now_us), DB_I64(l->since_us), DB_I64(SILENT_RUNS)), &rows);
    if (e)
        return e;
    while (n < SILENT_RUNS && !(e = db_step(op, tx, rows, &more)) && more)
        found[n++] = (struct silent){db_col_i64(tx, rows, 0), db_col_i64(tx, rows, 1), db_col_i64(tx, rows, 2), db_col_i64(tx, rows, 3)};
    db_end(tx, rows);
    for (size_t i = 0; !e && i < n; i++) {
        bool told = false; /* a run whose points came in this very look is not silent */
        for (size_t k = 0; k < l->changes.len && !told; k++)
            told = l->changes.p[k].rule->row == found[i].rule && l->changes.p[k].run->row == found[i].run;
        if (!told)
            e = fire_silence(op, tx, l, &found[i]);
    }
    l->more = l->more || n == SILENT_RUNS;
    return e;
}

static enum err look_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct look *l = arg;
    int64_t newest = 0;
    enum err e = alert_rules_load(op, tx, &l->rules, &l->rule_count);
    if (e || !l->rule_count || (e = parse_filters(op, l)) || (e = position(op, tx, l, &newest)))
        return e;
    for (size_t i = 0; i < l->rule_count; i++)
        if (l->rules[i].fresh)
            return look_fresh(op, tx, l, i);
    e = look_changes(op, tx, l, newest);
    if (!e)
        e = look_silence(op, tx, l);
    l->must_write = l->must_write || l->changes.len;
    return e;
}

/* ---- the look: write ---- */

static struct str event_data(struct op *op, struct buf *b, const struct change *c)
{
    struct json_out w;
    json_out_init(&w, b, 0);
    w.nonfinite = JSON_NONFINITE_NULL;
    json_begin_object(&w);
    json_kv_str(&w, "rule", c->rule->name);
    json_kv_cstr(&w, "kind", alert_kind_name(c->rule->kind));
    json_kv_cstr(&w, "state", c->what == FIRE ? "firing" : "resolved");
    json_kv_cstr(&w, "experiment_id", op_printf(op, "%" PRId64, c->run->experiment_id));
    json_kv_str(&w, "run_id", c->run->run_id);
    json_kv_str(&w, "run_name", c->run->name);
    json_kv_str(&w, "metric", c->metric.len ? c->metric : c->rule->metric);
    if (c->has_value) {
        json_kv_f64(&w, "value", c->point.is_nan ? (double)NAN : store_to_f64(c->point.value));
        json_kv_i64(&w, "step", c->point.step);
    }
    json_kv_str(&w, "reason", c->reason);
    json_end_object(&w);
    return buf_str(b);
}

static enum err tell(struct op *op, struct db_tx *tx, const struct change *c)
{
    AUTO(buf) struct buf b;
    buf_init(&b, LIMIT_AUDIT_DETAIL_BYTES);
    struct str data = event_data(op, &b, c);
    struct track_kv detail[] = {{STR("run_id"), c->run->run_id}, {STR("metric"), c->metric}, {STR("reason"), c->reason}};
    enum err e = b.failed ? op_fail(op, E_TOO_LARGE, "an alert's message is too large") : OK;
    if (!e)
        e = store_audit(op, tx, c->what == FIRE ? "alert.fire" : "alert.resolve", "alert_rule", c->rule->name, detail, ARRAY_LEN(detail));
    if (!e && c->rule->webhook)
        e = webhook_raise_to(op, tx, c->rule->webhook, c->what == FIRE ? WEBHOOK_ALERT_FIRING : WEBHOOK_ALERT_RESOLVED, data);
    return e;
}

static enum err apply_event(struct op *op, struct db_tx *tx, struct look *l, const struct change *c)
{
    const struct track_run *run = c->run;
    int64_t open = c->alert;
    enum err e = open_alert(op, tx, c->rule, run->row, c->metric, &open);
    if (e || (c->what == FIRE) == (open != 0)) /* it is so already */
        return e;
    if (c->what == FIRE) {
        e = db_exec(op, tx, &sql_alert_insert,
                    DB_ARGS(DB_I64(c->rule->row), DB_TEXT(c->rule->name), DB_I64(c->rule->kind), DB_I64(run->row), DB_TEXT(run->run_id),
                            DB_I64(run->experiment_id), DB_TEXT(c->metric), DB_I64(c->has_value), DB_I64(c->point.value), DB_I64(c->point.is_nan),
                            DB_I64(c->point.step), DB_TEXT(c->reason), DB_I64(op->now_us)), NULL);
        l->fired++;
    } else {
        e = db_exec(op, tx, &sql_alert_resolve, DB_ARGS(DB_I64(open), DB_I64(op->now_us)), NULL);
        l->resolved++;
    }
    return e ? e : tell(op, tx, c);
}

static enum err apply(struct op *op, struct db_tx *tx, struct look *l, const struct change *c)
{
    const struct watch *w = &c->watch;
    switch (c->what) {
    case PUT:
        return db_exec(op, tx, &sql_alert_watch_put,
                       DB_ARGS(DB_I64(c->rule->row), DB_I64(c->run->row), DB_TEXT(c->metric), DB_I64(w->points), DB_I64(w->last.time_ms),
                               DB_I64(w->last.step), DB_I64(w->last.value), DB_I64(w->last.is_nan), DB_I64(w->streak), DB_I64(w->seen_us)), NULL);
    case DROP:
        return db_exec(op, tx, &sql_alert_watch_drop, DB_ARGS(DB_I64(c->rule->row), DB_I64(c->run->row)), NULL);
    default:
        return apply_event(op, tx, l, c);
    }
}

/* A rule that was removed since the read takes no more part. */
static enum err still_there(struct op *op, struct db_tx *tx, const struct alert_rule *r, bool *ret)
{
    struct db_val v;
    enum err e = db_query_one(op, tx, &sql_alert_rule_exists, DB_ARGS(DB_I64(r->row)), &v, 1);
    *ret = !e;
    if (e == E_NOT_FOUND) {
        op_clear(op);
        return OK;
    }
    return e;
}

static enum err store_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct look *l = arg;
    int64_t moved = 0;
    const struct alert_rule *last = NULL;
    bool there = false;
    enum err e = db_exec(op, tx, &sql_alert_cursor_move, DB_ARGS(DB_I64(l->next_cursor), DB_I64(l->version)), &moved);
    l->lost = !e && !moved;
    l->fired = l->resolved = 0;
    if (e || l->lost)
        return e;
    for (size_t i = 0; !e && i < l->rule_count; i++) {
        if (l->rules[i].fresh) {
            e = store_exec_id(op, tx, &sql_alert_rule_seen, l->rules[i].row);
            break; /* one at a time, as look_tx() takes them */
        }
    }
    for (size_t i = 0; !e && i < l->changes.len; i++) {
        const struct change *c = &l->changes.p[i];
        if (c->rule != last && (e = still_there(op, tx, c->rule, &there)))
            break;
        last = c->rule;
        if (there)
            e = apply(op, tx, l, c);
    }
    return e;
}

enum err alert_look(struct op *op, struct alerts *a, int64_t since_us, struct alert_look *ret)
{
    struct look l = {.a = a, .since_us = since_us};
    enum err e = db_read(op, alerts_db(a), look_tx, &l);
    if (!e && l.must_write)
        e = db_write(op, alerts_db(a), store_tx, &l);
    if (!e)
        *ret = (struct alert_look){l.fired, l.resolved, l.more || l.lost};
    return e;
}
