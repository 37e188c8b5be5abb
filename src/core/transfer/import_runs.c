/* import_runs.c - runs and everything that was logged to them.
 *
 * A page of runs is read and filled, its rows are written in one durable write (each run in a savepoint of its own, so that one
 * that cannot be stored leaves nothing), and then its points go over in batches of BATCH_POINTS across runs. How many points a
 * run had there is marked in the write that stores the last of them; a run whose mark equals the count is not read again. */
#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/limits.h"
#include "base/map.h"
#include "base/time.h"
#include "core/track/change.h"
#include "core/track/experiment.h"
#include "core/track/input.h"
#include "core/track/metric.h"
#include "core/track/run.h"
#include "core/track/store.h"
#include "core/transfer/importing.h"
#include "sql_gen.h"

#define BATCH_POINTS 20000
#define BATCH_RUNS 500

struct slot {
    const struct origin_run *run;
    int64_t row, experiment;
    bool added, failed, points_here;
};
struct page {
    struct importing *im;
    struct op *op;
    struct slot *slots;
    size_t n;
};

/* ---- rows ---- */

/* The name is the tag of that name; a run of an old client has only the tag. */
static struct str run_name(const struct origin_run *r)
{
    struct track_kvs tags = import_kvs(r->tags);
    struct str tag = names_find(tags.p, tags.len, "mlflow.runName");
    return tag.len ? tag : r->name;
}

static struct db_val or_null(bool there, int64_t v)
{
    return there ? DB_I64(v) : DB_NULL;
}

static enum err run_row(struct op *op, struct db_tx *tx, struct importing *im, struct slot *s, bool ours)
{
    const struct origin_run *r = s->run;
    enum track_run_status status;
    struct str location;
    struct track_run_head h;
    if (!track_run_status_parse(r->status, &status))
        return op_fail(op, E_INVALID, "its status '%.*s' is none", STR_FMT(r->status));
    enum err e = import_experiment_here(op, tx, im, r->experiment_id, &s->experiment, &location);
    if (e)
        return e;
    struct str uri = im->o->keep_artifacts && r->artifact_uri.len ? r->artifact_uri : import_location(op, location, false, r->run_id);
    struct db_val end = or_null(r->has_end, r->end_ms), deleted_ms = or_null(r->deleted && r->deleted_ms, r->deleted_ms);
    int64_t added = 0;
    e = db_exec(op, tx, &sql_import_run_insert,
                DB_ARGS(DB_TEXT(r->run_id), DB_I64(s->experiment), DB_TEXT(run_name(r)), DB_TEXT(r->user_id), DB_I64(status), DB_I64(r->start_ms), end,
                        DB_I64(r->deleted), deleted_ms, DB_TEXT(uri)), &added);
    if (e || (e = track_run_find(op, tx, r->run_id, false, &h)))
        return e;
    s->row = h.row;
    s->added = added > 0;
    if (!s->added && ours)
        e = db_exec(op, tx, &sql_import_run_update,
                    DB_ARGS(DB_I64(h.row), DB_TEXT(run_name(r)), DB_I64(status), end, DB_I64(r->deleted), deleted_ms), NULL);
    if (!e && (s->added || !ours))
        e = import_mark_set(op, tx, im, MARK_RUN, r->run_id, s->added ? STR("added") : STR("met"));
    if (!e && s->added && r->artifact_uri.len)
        e = import_mark_set(op, tx, im, MARK_URI, r->run_id, r->artifact_uri);
    return e;
}

/* Params and tags; a run that was here before the import keeps what it has. */
static enum err run_texts(struct op *op, struct db_tx *tx, struct importing *im, const struct slot *s, bool ours)
{
    const struct origin_kvs *params = &s->run->params, *tags = &s->run->tags;
    int64_t added = 0;
    enum err e = OK;
    for (size_t i = 0; !e && i < params->len; i++) {
        e = db_exec(op, tx, &sql_import_param_keep, DB_ARGS(DB_I64(s->row), DB_TEXT(params->p[i].key), DB_TEXT(params->p[i].value)), &added);
        im->report->counts[IMPORT_PARAMS].added += added;
    }
    for (size_t i = 0; !e && i < tags->len; i++) {
        struct db_val args[] = {DB_I64(s->row), DB_TEXT(tags->p[i].key), DB_TEXT(tags->p[i].value)};
        e = db_exec(op, tx, &sql_import_tag_keep, args, ARRAY_LEN(args), &added);
        im->report->counts[IMPORT_TAGS].added += added;
        if (!e && !added && ours)
            e = db_exec(op, tx, &sql_track_tag_put, args, ARRAY_LEN(args), NULL);
    }
    return e;
}

static enum err run_inputs(struct op *op, struct db_tx *tx, const struct slot *s)
{
    const struct origin_run *r = s->run;
    enum err e = OK;
    for (size_t i = 0; !e && i < r->dataset_count; i++) {
        const struct origin_dataset *d = &r->datasets[i];
        struct track_dataset t = {d->name, d->digest, d->source_type, d->source, d->schema, d->profile, import_kvs(d->tags)};
        e = input_add_dataset(op, tx, &(struct track_run_head){.row = s->row, .experiment_id = s->experiment}, &t);
    }
    for (size_t out = 0; out < 2; out++) {
        const struct origin_model_use *uses = out ? r->outputs : r->inputs;
        size_t n = out ? r->output_count : r->input_count;
        for (size_t i = 0; !e && i < n; i++)
            e = db_exec(op, tx, &sql_track_run_model_put, DB_ARGS(DB_I64(s->row), DB_I64((int64_t)out), DB_TEXT(uses[i].model_id), DB_I64(uses[i].step)), NULL);
    }
    return e;
}

struct run_arg {
    struct importing *im;
    struct slot *s;
};

static enum err run_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct run_arg *a = arg;
    struct str mark, points;
    enum err e = import_mark_find(op, tx, a->im, MARK_RUN, a->s->run->run_id, &mark);
    bool ours = !e && mark.p && str_eq(mark, STR("added"));
    if (!e)
        e = run_row(op, tx, a->im, a->s, ours);
    if (!e)
        e = run_texts(op, tx, a->im, a->s, ours || a->s->added);
    if (!e)
        e = run_inputs(op, tx, a->s);
    if (!e)
        e = track_change_note(op, tx, a->s->row);
    if (!e)
        e = import_mark_find(op, tx, a->im, MARK_POINTS, a->s->run->run_id, &points);
    int64_t n = -1;
    a->s->points_here = !e && points.p && str_parse_i64(points, &n) && n >= 0 && n == a->s->run->point_count;
    return e;
}

/* Failures of one run are told and the others go on; when the database itself fails, all of it does. */
static enum err rows_tx(struct op *op, struct db_tx *tx UNUSED, void *arg)
{
    struct page *p = arg;
    for (size_t i = 0; i < p->n; i++) {
        struct slot *s = &p->slots[i];
        struct import_report before = *p->im->report;
        enum err e = db_write(op, p->im->o->db, run_tx, &(struct run_arg){p->im, s});
        if (!e)
            continue;
        if (e == E_IO || e == E_CORRUPT || e == E_INTERNAL || e == E_TIMEOUT)
            return e;
        *p->im->report = before;
        import_note(p->im, "run %.*s: %s", STR_FMT(s->run->run_id), op->msg ? op->msg : err_name(e));
        op_clear(op);
        s->failed = true;
    }
    return OK;
}

/* ---- points ---- */

/* Points gathered for one write: `spans` say which run they belong to. */
struct span {
    const struct slot *slot;
    size_t from, n;
    bool last; /* with these, all points of the run are here */
};
struct batch {
    struct page *page;
    const struct slot *now;
    struct track_metric *points;
    size_t n;
    struct span spans[BATCH_RUNS];
    size_t span_count;
    struct map keys;      /* the metrics' names: struct str */
    const struct str *key; /* the last one */
};

static enum err points_tx(struct op *op, struct db_tx *tx, void *arg)
{
    const struct batch *b = arg;
    struct importing *im = b->page->im;
    enum err e = OK;
    for (size_t i = 0; !e && i < b->span_count; i++) {
        const struct span *span = &b->spans[i];
        const struct origin_run *r = span->slot->run;
        int64_t added = 0;
        e = metric_add_points(op, tx, span->slot->row, b->points + span->from, span->n, &added);
        im->report->counts[IMPORT_POINTS].added += added;
        if (!e && span->last && r->point_count >= 0)
            e = import_mark_set(op, tx, im, MARK_POINTS, r->run_id, str_from(op_printf(op, "%" PRId64, r->point_count)));
        if (!e)
            e = track_change_note(op, tx, span->slot->row);
    }
    return e;
}

static enum err batch_flush(struct batch *b)
{
    if (!b->span_count)
        return OK;
    struct importing *im = b->page->im;
    AUTO(arena) struct arena *arena = arena_create(LIMIT_REQUEST_ARENA);
    struct op w;
    import_op(im, arena, &w);
    enum err e = db_write(&w, im->o->db, points_tx, b);
    if (e)
        return import_failed(im, &w);
    im->report->counts[IMPORT_POINTS].there += (int64_t)b->n;
    import_progress(im, IMPORT_POINTS, im->report->counts[IMPORT_POINTS].there);
    b->n = b->span_count = 0;
    return OK;
}

static struct span *span_of(struct batch *b)
{
    if (!b->span_count || b->spans[b->span_count - 1].slot != b->now)
        b->spans[b->span_count++] = (struct span){.slot = b->now, .from = b->n};
    return &b->spans[b->span_count - 1];
}

/* The origin's points live for one call; a batch lives longer. Points mostly come metric by metric. */
static enum err key_keep(struct batch *b, struct str key)
{
    if (b->key && str_eq(*b->key, key))
        return OK;
    b->key = map_find(&b->keys, key);
    if (b->key)
        return OK;
    struct str *kept = key.len < arena_left(b->page->op->arena) / 4 ? op_new(b->page->op, struct str) : NULL;
    if (kept)
        *kept = str_dup(b->page->op->arena, key);
    if (!kept || !map_put(&b->keys, *kept, kept))
        return op_fail(b->page->im->op, E_TOO_LARGE, "a page of runs has too many metrics");
    b->key = kept;
    return OK;
}

static enum err on_points(void *arg, const struct origin_point *points, size_t n)
{
    struct batch *b = arg;
    for (size_t i = 0; i < n; i++) {
        enum err e = b->n == BATCH_POINTS || b->span_count == BATCH_RUNS ? batch_flush(b) : OK;
        if (!e)
            e = key_keep(b, points[i].key);
        if (e)
            return e;
        b->points[b->n] = (struct track_metric){.key = *b->key, .value = points[i].is_nan ? (double)NAN : points[i].value,
                                                .time_ms = points[i].time_ms, .step = points[i].step};
        span_of(b)->n++;
        b->n++;
    }
    return OK;
}

static enum err page_points(struct page *p)
{
    struct importing *im = p->im;
    const struct origin *origin = im->o->origin;
    struct batch b = {.page = p, .points = arena_array(p->op->arena, BATCH_POINTS, struct track_metric)};
    if (!b.points)
        return op_fail(im->op, E_TOO_LARGE, "no memory for a batch of points");
    map_init(&b.keys, p->op->arena);
    for (size_t i = 0; i < p->n; i++) {
        const struct slot *s = &p->slots[i];
        if (s->failed || s->points_here) {
            im->report->counts[IMPORT_POINTS].there += s->points_here ? s->run->point_count : 0;
            continue;
        }
        b.now = s;
        enum err e = origin->ops->points(origin->self, p->op, s->run, on_points, &b);
        if (e)
            return im->op->err ? im->op->err : import_failed(im, p->op);
        if (b.span_count == BATCH_RUNS && (e = batch_flush(&b)))
            return e;
        span_of(&b)->last = true;
    }
    return batch_flush(&b);
}

/* ---- are they right? ---- */

static bool same_latest(const struct track_metric *m, const struct origin_latest *l)
{
    double there = isinf(l->value) ? (l->value > 0 ? DBL_MAX : -DBL_MAX) : l->value;
    bool same_value = l->is_nan || isnan(l->value) ? isnan(m->value) : memcmp(&m->value, &there, sizeof there) == 0 || m->value == there;
    return m->step == l->step && m->time_ms == l->time_ms && same_value;
}

/* The latest point of each metric is worked out here from the points; the source says what it should be. */
static enum err check_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct page *p = arg;
    for (size_t i = 0; i < p->n; i++) {
        const struct slot *s = &p->slots[i];
        struct track_metric *here = NULL;
        size_t n = 0;
        if (s->failed || !s->added)
            continue;
        enum err e = metric_load_latest(op, tx, s->row, &here, &n);
        if (e)
            return e;
        for (size_t k = 0; k < s->run->latest_count; k++) {
            const struct origin_latest *l = &s->run->latest[k];
            size_t j = 0;
            while (j < n && !str_eq(here[j].key, l->key))
                j++;
            if (j < n && same_latest(&here[j], l))
                continue;
            p->im->report->wrong_latest++;
            import_note(p->im, "run %.*s: the latest '%.*s' differs from the source's", STR_FMT(s->run->run_id), STR_FMT(l->key));
        }
    }
    return OK;
}

static void count_page(struct page *p)
{
    struct import_count *c = p->im->report->counts;
    for (size_t i = 0; i < p->n; i++) {
        const struct slot *s = &p->slots[i];
        c[IMPORT_RUNS].there++;
        c[IMPORT_RUNS].added += s->added && !s->failed;
        c[IMPORT_RUNS].failed += s->failed;
        c[IMPORT_PARAMS].there += (int64_t)s->run->params.len;
        c[IMPORT_TAGS].there += (int64_t)s->run->tags.len;
    }
    import_progress(p->im, IMPORT_RUNS, c[IMPORT_RUNS].there);
}

static enum err page_move(struct page *p, struct origin_run *runs)
{
    const struct origin *origin = p->im->o->origin;
    p->slots = arena_array(p->op->arena, p->n + 1, struct slot);
    if (!p->slots)
        return op_fail(p->im->op, E_TOO_LARGE, "no memory for a page of runs");
    enum err e = OK;
    for (size_t i = 0; !e && i < p->n; i++) {
        e = origin->ops->run_fill(origin->self, p->op, &runs[i]);
        p->slots[i] = (struct slot){.run = &runs[i]};
    }
    if (!e)
        e = db_write(p->op, p->im->o->db, rows_tx, p);
    if (e)
        return import_failed(p->im, p->op);
    if ((e = page_points(p)))
        return e;
    count_page(p);
    e = db_read(p->op, p->im->o->db, check_tx, p);
    return e ? import_failed(p->im, p->op) : OK;
}

enum err import_runs(struct importing *im)
{
    struct str cursor = STR("");
    size_t n = 1;
    enum err e = OK;
    int64_t start_ms = time_mono_ms(), before = im->report->counts[IMPORT_POINTS].added;
    while (!e && n) {
        AUTO(arena) struct arena *arena = arena_create(LIMIT_COMMAND_ARENA);
        struct op op;
        import_op(im, arena, &op);
        struct origin_run *runs = NULL;
        if (im->o->origin->ops->runs(im->o->origin->self, &op, &cursor, &runs, &n)) {
            e = import_failed(im, &op);
            break;
        }
        cursor = str_dup(im->op->arena, cursor);
        struct page p = {.im = im, .op = &op, .n = n};
        e = page_move(&p, runs);
    }
    int64_t took_ms = time_mono_ms() - start_ms;
    im->report->points_per_s = (im->report->counts[IMPORT_POINTS].added - before) * 1000 / (took_ms > 0 ? took_ms : 1);
    return e;
}
