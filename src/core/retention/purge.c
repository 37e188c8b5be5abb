#include "core/retention/purge.h"

#include <inttypes.h>

#include "base/hash.h"
#include "base/limits.h"
#include "base/time.h"
#include "core/track/artifact.h"
#include "core/track/change.h"
#include "core/track/store.h"
#include "sql_gen.h"

#define PAGE 200
#define STEP_ROWS 20000 /* rows of one write: some 50 ms */
#define STEP_CHUNKS 2000 /* chunks of points: of some pages each */
#define STEP_SERIES 100  /* metrics */

struct target {
    int64_t row, experiment;
    struct str uuid, artifact_uri;
    int64_t deleted;
};
struct purging {
    struct op *op;      /* the whole's; steps have their own */
    struct db *db;
    const struct purge_plan *plan;
    struct purge_report report;
};

/* A step in memory of its own. Its function sets what stands below `out`, and nothing else here or in the report. */
struct step {
    struct purging *p;
    const struct target *run;
    int64_t experiment, after;
    struct str location; /* of the experiment; of artifacts: the root */
    bool runs_kept;
    /* out */
    const char *why; /* it is kept; in the whole's arena */
    bool marked, done, kept, shared;
    int64_t changes, next;
};

static enum err step_run(struct purging *p, struct step *s, db_fn fn)
{
    if (p->plan->until_ms && time_mono_ms() >= p->plan->until_ms)
        return op_fail(p->op, E_TIMEOUT, "the purge goes on later");
    AUTO(arena) struct arena *arena = arena_create(LIMIT_REQUEST_ARENA);
    struct op op;
    op_init(&op, arena);
    op.actor = p->op->actor;
    op.request_id = p->op->request_id;
    s->p = p;
    enum err e = db_write(&op, p->db, fn, s);
    return e ? op_fail(p->op, e, "%s", op.msg ? op.msg : err_name(e)) : OK;
}

static void keep(struct purging *p, const char *why)
{
    if (!why)
        return;
    if (p->report.kept < PURGE_KEPT_MAX)
        p->report.kept_why[p->report.kept] = str_from(why);
    p->report.kept++;
}

/* ---- may it go? ---- */

static enum err has_hold(struct op *op, struct db_tx *tx, const struct sql *sql, int64_t id, bool *ret)
{
    bool found = false;
    struct str value = {0};
    enum err e = store_find_text(op, tx, sql, id, STR(PURGE_HOLD_TAG), &found, &value);
    *ret = !e && found && str_eq(value, STR("true"));
    return e;
}

/* A reason, or NULL. */
static enum err reason_to_keep(struct op *op, struct db_tx *tx, const struct target *run, const char **ret)
{
    bool held = false;
    struct db_val version[2];
    struct str inside = str_from(op_printf(op, "%%%.*s%%", STR_FMT(run->uuid)));
    *ret = NULL;
    enum err e = has_hold(op, tx, &sql_track_tag_get, run->row, &held);
    if (!e && !held)
        e = has_hold(op, tx, &sql_track_experiment_tag_get, run->experiment, &held);
    if (e)
        return e;
    if (held) {
        *ret = op_printf(op, "run %.*s is held (tag " PURGE_HOLD_TAG ")", STR_FMT(run->uuid));
        return OK;
    }
    e = db_query_one(op, tx, &sql_retention_run_version, DB_ARGS(DB_TEXT(run->uuid), DB_TEXT(inside)), version, ARRAY_LEN(version));
    if (!e)
        *ret = op_printf(op, "run %.*s made version %" PRId64 " of '%.*s'", STR_FMT(run->uuid), version[1].i, STR_FMT(version[0].s));
    else if (e == E_NOT_FOUND)
        op_clear(op);
    return e == E_NOT_FOUND ? OK : e;
}

/* ---- one run ---- */

static enum err mark_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct step *s = arg;
    const char *why = NULL;
    struct db_val now[5];
    s->why = NULL;
    s->marked = s->kept = false;
    enum err e = db_query_one(op, tx, &sql_retention_run, DB_ARGS(DB_TEXT(s->run->uuid)), now, ARRAY_LEN(now));
    if (e == E_NOT_FOUND || (!e && !now[3].i)) { /* gone, or restored meanwhile */
        op_clear(op);
        s->kept = true;
        return OK;
    }
    if (e || now[3].i == 2) /* begun: nobody sees it, and half of it may be gone */
        return e;
    e = reason_to_keep(op, tx, s->run, &why);
    if (e)
        return e;
    s->kept = why != NULL;
    s->marked = !why;
    if (why)
        s->why = op_printf(s->p->op, "%s", why);
    if (why || s->p->plan->dry_run)
        return OK;
    e = db_exec(op, tx, &sql_retention_run_mark, DB_ARGS(DB_I64(s->run->row)), NULL);
    if (!e)
        e = db_exec(op, tx, &sql_retention_alerts_end, DB_ARGS(DB_I64(s->run->row), DB_I64(op->now_us)), NULL);
    if (!e)
        e = track_change_note(op, tx, s->run->row);
    return e ? e : store_audit(op, tx, "run.purge", "run", s->run->uuid, NULL, 0);
}

/* Some points of the first metric that has any; a metric without points goes itself. They are counted when the last ones go. Adds to *add_chunks. */
static enum err series_step(struct op *op, struct db_tx *tx, struct step *s, int64_t *add_chunks)
{
    struct db_val series[2];
    int64_t gone = 0, chunks = 0;
    enum err e = db_query_one(op, tx, &sql_retention_series, DB_ARGS(DB_I64(s->run->row)), series, ARRAY_LEN(series));
    if (e == E_NOT_FOUND) {
        op_clear(op);
        s->done = true;
        return OK;
    }
    if (!e)
        e = db_exec(op, tx, &sql_retention_points_delete, DB_ARGS(series[0], DB_I64(STEP_CHUNKS)), &chunks);
    *add_chunks += chunks;
    if (e || chunks == STEP_CHUNKS)
        return e;
    s->changes += series[1].i;
    e = db_exec(op, tx, &sql_retention_tail_delete, DB_ARGS(series[0]), NULL);
    if (!e)
        e = db_exec(op, tx, &sql_retention_series_delete, DB_ARGS(series[0]), &gone);
    s->done = gone == 0; /* the last one stays as a mark, empty */
    return e;
}

/* Short metrics go many at a time: each write costs a commit. */
static enum err points_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct step *s = arg;
    int64_t chunks = 0;
    enum err e = OK;
    s->changes = 0;
    s->done = false;
    for (int i = 0; !e && !s->done && i < STEP_SERIES && chunks < STEP_CHUNKS; i++)
        e = series_step(op, tx, s, &chunks);
    return e;
}

/* Where it came from, if it was imported: another import of the same source brings it whole, not what changed since. */
static enum err marks_forget(struct op *op, struct db_tx *tx, struct str id)
{
    return db_exec(op, tx, &sql_retention_marks_delete, DB_ARGS(DB_TEXT(id)), NULL);
}

static enum err texts_tx(struct op *op, struct db_tx *tx, void *arg)
{
    static const struct sql *const statements[] = {&sql_retention_params_delete, &sql_retention_tags_delete, &sql_retention_input_tags_delete,
                                                   &sql_retention_inputs_delete, &sql_retention_run_models_delete, &sql_retention_watches_delete,
                                                   &sql_retention_console_pieces_delete, &sql_retention_console_delete};
    struct step *s = arg;
    enum err e = OK;
    for (size_t i = 0; !e && i < ARRAY_LEN(statements); i++)
        e = store_exec_id(op, tx, statements[i], s->run->row);
    struct db_val series;
    if (!e)
        e = marks_forget(op, tx, s->run->uuid);
    if (!e)
        e = store_exec_id(op, tx, &sql_retention_run_empty, s->run->row);
    if (e)
        return e;
    e = db_query_one(op, tx, &sql_retention_series, DB_ARGS(DB_I64(s->run->row)), &series, 1);
    if (e != E_NOT_FOUND)
        return e; /* its mark of a metric keeps the run's */
    op_clear(op);
    return db_exec(op, tx, &sql_retention_run_delete, DB_ARGS(DB_I64(s->run->row)), NULL);
}

/* A portion of the names below a root. */
static enum err names_delete(struct op *op, struct db_tx *tx, struct str root, int64_t *ret_changes)
{
    struct str from = str_from(op_printf(op, "%.*s/", STR_FMT(root))), to = str_from(op_printf(op, "%.*s0", STR_FMT(root)));
    enum err e = db_exec(op, tx, &sql_retention_file_marks_delete, DB_ARGS(DB_TEXT(from), DB_TEXT(to)), NULL);
    return e ? e : db_exec(op, tx, &sql_retention_artifacts_delete, DB_ARGS(DB_TEXT(from), DB_TEXT(to), DB_I64(STEP_ROWS)), ret_changes);
}

static enum err artifacts_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct step *s = arg;
    return names_delete(op, tx, s->location, &s->changes);
}

/* The names below an artifact URI that this server keeps; another store's files are not ours to delete. */
static enum err artifacts_purge(struct purging *p, struct str uri)
{
    struct step s = {0};
    enum err e = artifact_root(p->op, uri, &s.location);
    if (e || !s.location.len) {
        op_clear(p->op);
        return OK;
    }
    do {
        e = step_run(p, &s, artifacts_tx);
        p->report.artifacts += e ? 0 : s.changes;
    } while (!e && s.changes == STEP_ROWS);
    return e;
}

static enum err run_purge(struct purging *p, const struct target *run)
{
    struct step s = {.run = run};
    enum err e = step_run(p, &s, mark_tx);
    if (e)
        return e;
    keep(p, s.why);
    p->report.runs += s.marked;
    if (s.kept || p->plan->dry_run)
        return OK;
    int64_t before = p->report.points + p->report.artifacts;
    while (!e && !s.done) {
        e = step_run(p, &s, points_tx);
        p->report.points += e ? 0 : s.changes;
    }
    if (!e)
        e = artifacts_purge(p, run->artifact_uri);
    if (!e)
        e = step_run(p, &s, texts_tx);
    /* One that an earlier purge began counts when there was something left of it: not the row that only marks an id as given. */
    p->report.runs += !s.marked && p->report.points + p->report.artifacts > before;
    return e;
}

/* ---- which runs ---- */

struct page {
    struct purging *p;
    const struct sql *sql;
    struct db_val args[3];
    struct target *items;
    size_t n;
};

static enum err page_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct page *g = arg;
    struct db_rows *rows = NULL;
    bool row = false;
    enum err e = db_query(op, tx, g->sql, g->args, 3, &rows);
    g->items = arena_array(op->arena, PAGE, struct target);
    if (!e && !g->items)
        e = op_fail(op, E_TOO_LARGE, "no memory for a page of runs");
    while (!e && !(e = db_step(op, tx, rows, &row)) && row)
        g->items[g->n++] = (struct target){.row = db_col_i64(tx, rows, 0), .uuid = db_col_dup(op, tx, rows, 1), .artifact_uri = db_col_dup(op, tx, rows, 2),
                                           .deleted = db_col_i64(tx, rows, 3), .experiment = db_col_i64(tx, rows, 4)};
    db_end(tx, rows);
    return e;
}

/* All runs that `sql` names; args[`cursor`] is the id to go on behind. */
static enum err runs_purge(struct purging *p, const struct sql *sql, struct db_val a, struct db_val b, size_t cursor)
{
    struct page g = {.p = p, .sql = sql, .args = {a, b, DB_I64(PAGE)}, .n = PAGE};
    enum err e = OK;
    while (!e && g.n == PAGE) {
        AUTO(arena) struct arena *arena = arena_create(LIMIT_REQUEST_ARENA);
        struct op op;
        op_init(&op, arena);
        g.n = 0;
        if (db_read(&op, p->db, page_tx, &g))
            return op_fail(p->op, op.err, "%s", op.msg);
        for (size_t i = 0; !e && i < g.n; i++)
            e = run_purge(p, &g.items[i]);
        if (g.n)
            g.args[cursor] = DB_I64(g.items[g.n - 1].row);
    }
    return e;
}

static enum err named_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct page *g = arg;
    struct db_val v[5];
    enum err e = db_query_one(op, tx, &sql_retention_run, g->args, 1, v, ARRAY_LEN(v));
    if (e == E_NOT_FOUND) {
        op_clear(op);
        return op_fail(op, E_NOT_FOUND, "Run with id=%.*s not found", STR_FMT(g->args[0].s));
    }
    if (!e && !v[3].i)
        return op_fail(op, E_CONFLICT, "run %.*s is not deleted; only deleted runs are purged", STR_FMT(g->args[0].s));
    if (!e)
        *g->items = (struct target){.row = v[0].i, .uuid = v[1].s, .artifact_uri = v[2].s, .deleted = v[3].i, .experiment = v[4].i};
    return e;
}

/* ---- experiments ---- */

static bool is_within(struct op *op, struct str path, struct str folder)
{
    return !folder.len || str_eq(path, folder) || str_starts(path, str_from(op_printf(op, "%.*s/", STR_FMT(folder))));
}

/* May another experiment have files there? Locations are their users' words, and nothing keeps one from lying in another. */
static enum err location_shared(struct op *op, struct db_tx *tx, int64_t experiment, struct str location, bool *ret)
{
    struct str root, other;
    struct db_rows *rows = NULL;
    bool row = false;
    *ret = false;
    if (artifact_root(op, location, &root) || !root.len) {
        op_clear(op); /* another store's: nothing is deleted there */
        return OK;
    }
    enum err e = db_query(op, tx, &sql_retention_locations, DB_ARGS(DB_I64(experiment)), &rows);
    while (!e && !*ret && !(e = db_step(op, tx, rows, &row)) && row) {
        if (artifact_root(op, db_col_str(tx, rows, 0), &other))
            op_clear(op);
        else
            *ret = is_within(op, other, root) || is_within(op, root, other);
    }
    db_end(tx, rows);
    return e;
}

static const char *experiment_reason(struct op *op, const struct step *s, bool held, bool runs)
{
    if (!s->experiment)
        return "experiment 0 is always there";
    if (held)
        return op_printf(op, "experiment %" PRId64 " is held (tag " PURGE_HOLD_TAG ")", s->experiment);
    return runs ? op_printf(op, "experiment %" PRId64 " has runs that are kept", s->experiment) : NULL;
}

static enum err experiment_mark_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct step *s = arg;
    struct db_val v[3], runs;
    bool held = false;
    s->why = NULL;
    s->marked = false;
    enum err e = db_query_one(op, tx, &sql_retention_experiment, DB_ARGS(DB_I64(s->experiment)), v, ARRAY_LEN(v));
    if (!e)
        e = db_query_one(op, tx, &sql_retention_experiment_runs, DB_ARGS(DB_I64(s->experiment)), &runs, 1);
    if (!e)
        e = has_hold(op, tx, &sql_track_experiment_tag_get, s->experiment, &held);
    if (!e)
        e = location_shared(op, tx, s->experiment, v[1].s, &s->shared);
    if (e)
        return e;
    bool dry = s->p->plan->dry_run;
    s->location = str_dup(s->p->op->arena, v[1].s);
    s->kept = !v[2].i; /* restored meanwhile */
    if (s->kept || v[2].i == 2)
        return OK;
    s->why = experiment_reason(s->p->op, s, held, dry ? s->runs_kept : runs.i > 0);
    s->kept = s->why != NULL;
    s->marked = !s->kept;
    if (s->kept || dry)
        return OK;
    struct str name = str_from(op_printf(op, "purged %" PRId64 " %s", s->experiment, hash_random_hex(op->arena, 8)));
    e = db_exec(op, tx, &sql_retention_experiment_mark, DB_ARGS(DB_I64(s->experiment), DB_TEXT(name)), NULL);
    if (!e)
        e = track_change_note_experiment(op, tx, s->experiment);
    struct track_kv detail = {STR("name"), v[0].s};
    return e ? e : store_audit(op, tx, "experiment.purge", "experiment", str_from(op_printf(op, "%" PRId64, s->experiment)), &detail, 1);
}

/* One logged model with its files, unless a version was made of it. */
static enum err model_purge(struct op *op, struct db_tx *tx, const struct target *model, bool *ret_gone)
{
    static const struct sql *const statements[] = {&sql_retention_model_params_delete, &sql_retention_model_tags_delete,
                                                   &sql_retention_model_metrics_delete, &sql_retention_model_delete};
    struct db_val version[2];
    struct str root = {0};
    int64_t changes = STEP_ROWS;
    enum err e = db_query_one(op, tx, &sql_retention_model_version, DB_ARGS(DB_TEXT(model->uuid)), version, ARRAY_LEN(version));
    *ret_gone = e == E_NOT_FOUND;
    if (!*ret_gone)
        return e;
    op_clear(op);
    if (artifact_root(op, model->artifact_uri, &root))
        op_clear(op);
    e = marks_forget(op, tx, model->uuid);
    while (!e && root.len && changes == STEP_ROWS)
        e = names_delete(op, tx, root, &changes);
    for (size_t k = 0; !e && k < ARRAY_LEN(statements); k++)
        e = store_exec_id(op, tx, statements[k], model->row);
    return e;
}

/* A portion of its logged models; those that a version was made of stay, and the experiment's row with them. */
static enum err models_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct step *s = arg;
    struct db_rows *rows = NULL;
    struct target found[PAGE];
    size_t n = 0;
    bool row = false, gone = false;
    enum err e = db_query(op, tx, &sql_retention_models_of, DB_ARGS(DB_I64(s->experiment), DB_I64(s->after), DB_I64(PAGE)), &rows);
    while (!e && !(e = db_step(op, tx, rows, &row)) && row)
        found[n++] = (struct target){.row = db_col_i64(tx, rows, 0), .uuid = db_col_dup(op, tx, rows, 1), .artifact_uri = db_col_dup(op, tx, rows, 2)};
    db_end(tx, rows);
    s->changes = 0;
    for (size_t i = 0; !e && i < n; i++) {
        e = model_purge(op, tx, &found[i], &gone);
        s->changes += gone;
    }
    s->next = n ? found[n - 1].row : s->after;
    s->done = n < PAGE;
    s->kept = n > (size_t)s->changes;
    return e;
}

static enum err experiment_end_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct step *s = arg;
    enum err e = store_exec_id(op, tx, &sql_retention_datasets_delete, s->experiment);
    if (!e)
        e = store_exec_id(op, tx, &sql_retention_experiment_tags_delete, s->experiment);
    if (!e)
        e = db_exec(op, tx, &sql_retention_experiment_marks_delete, DB_ARGS(DB_TEXT(str_from(op_printf(op, "%" PRId64, s->experiment)))), NULL);
    return e ? e : store_exec_id(op, tx, &sql_retention_experiment_delete, s->experiment);
}

static enum err experiment_purge(struct purging *p, int64_t id)
{
    struct step s = {.experiment = id, .after = -1};
    int64_t kept = p->report.kept;
    enum err e = runs_purge(p, &sql_retention_runs_of, DB_I64(id), DB_I64(-1), 1);
    s.runs_kept = p->report.kept > kept;
    if (!e)
        e = step_run(p, &s, experiment_mark_tx);
    if (e)
        return e;
    keep(p, s.why);
    p->report.experiments += s.marked;
    if (s.kept || p->plan->dry_run)
        return OK;
    bool models_kept = false;
    while (!e && !s.done) {
        e = step_run(p, &s, models_tx);
        s.after = s.next;
        models_kept = models_kept || s.kept;
    }
    if (e || models_kept)
        return e;
    if (!s.shared && (e = artifacts_purge(p, s.location)))
        return e;
    return step_run(p, &s, experiment_end_tx);
}

struct experiment_ids {
    int64_t after, before_ms;
    int64_t ids[PAGE];
    size_t n;
};

static enum err experiments_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct experiment_ids *x = arg;
    struct db_rows *rows = NULL;
    bool row = false;
    enum err e = db_query(op, tx, &sql_retention_experiments, DB_ARGS(DB_I64(x->after), DB_I64(x->before_ms)), &rows);
    while (!e && x->n < PAGE && !(e = db_step(op, tx, rows, &row)) && row)
        x->ids[x->n++] = db_col_i64(tx, rows, 0);
    db_end(tx, rows);
    return e;
}

static enum err experiments_purge(struct purging *p)
{
    struct experiment_ids x = {.after = -1, .before_ms = p->plan->before_ms, .n = PAGE};
    enum err e = OK;
    while (!e && x.n == PAGE) {
        x.n = 0;
        e = db_read(p->op, p->db, experiments_tx, &x);
        for (size_t i = 0; !e && i < x.n; i++)
            e = experiment_purge(p, x.ids[i]);
        x.after = x.n ? x.ids[x.n - 1] : x.after;
    }
    return e;
}

/* ---- what the plan names ---- */

static enum err named_runs(struct purging *p)
{
    enum err e = OK;
    for (size_t i = 0; !e && i < p->plan->run_count; i++) {
        struct target t;
        struct page g = {.p = p, .args = {DB_TEXT(p->plan->runs[i])}, .items = &t};
        e = db_read(p->op, p->db, named_tx, &g);
        if (!e)
            e = run_purge(p, &t);
    }
    return e;
}

static enum err named_experiment_tx(struct op *op, struct db_tx *tx, void *arg)
{
    const int64_t *id = arg;
    struct db_val v[3];
    enum err e = db_query_one(op, tx, &sql_retention_experiment, DB_ARGS(DB_I64(*id)), v, ARRAY_LEN(v));
    if (e == E_NOT_FOUND) {
        op_clear(op);
        return op_fail(op, E_NOT_FOUND, "No Experiment with id=%" PRId64 " exists", *id);
    }
    return !e && !v[2].i ? op_fail(op, E_CONFLICT, "experiment %" PRId64 " is not deleted; only deleted experiments are purged", *id) : e;
}

static enum err named_experiments(struct purging *p)
{
    enum err e = OK;
    for (size_t i = 0; !e && i < p->plan->experiment_count; i++) {
        int64_t id = p->plan->experiments[i];
        e = db_read(p->op, p->db, named_experiment_tx, &id);
        if (!e)
            e = experiment_purge(p, id);
    }
    return e;
}

enum err purge_run(struct op *op, struct db *db, const struct purge_plan *plan, struct purge_report *ret)
{
    struct purging p = {.op = op, .db = db, .plan = plan};
    enum err e;
    if (plan->run_count || plan->experiment_count) {
        e = named_runs(&p);
        if (!e)
            e = named_experiments(&p);
    } else {
        e = runs_purge(&p, &sql_retention_runs, DB_I64(-1), DB_I64(plan->before_ms), 0);
        if (!e)
            e = experiments_purge(&p);
    }
    *ret = p.report;
    return e;
}
