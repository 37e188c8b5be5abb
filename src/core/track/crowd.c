/* Ten thousand runs in a handful of lines. The runs' labels come first, sixteen runs by a statement: only then is it known which groups are the largest,
 * and only their series are read. A common axis needs its ends before anything can be put into stretches, so where no range is asked for each series is
 * looked at twice; the second time it comes from the cache of series_cache.h. A stretch of a group is kept as running moments (together.h): memory is
 * groups times stretches, whatever the number of runs. */
#include "core/track/crowd.h"

#include "base/limits.h"
#include "base/map.h"
#include "core/track/run_rows.h"
#include "core/track/together.h"
#include "num/smooth.h"
#include "sql_gen.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct group {
    struct str label; /* p NULL: without the parameter or tag */
    size_t runs, place;
    struct together *sums; /* NULL: too small to be drawn */
};
struct member {
    struct group *group;
    struct series_name series; /* id 0: it has not got the metric */
};
struct crowd_work {
    struct op *op;
    const struct crowd_query *q;
    struct series_cache *cache;
    struct db_tx *tx;
    struct member *members; /* of groups that are drawn */
    size_t member_count;
    struct group **groups;
    struct sample_buckets plan;
    struct sample_bucket *buckets; /* scratch: of one run */
    struct crowd out;
};

static enum err no_room(struct op *op)
{
    return op_fail(op, E_TOO_LARGE, "the groups do not fit in memory: ask for fewer runs or points");
}

static enum err crowd_check(struct op *op, const struct crowd_query *q)
{
    size_t max = 0;
    enum err e = many_check(op, &q->runs, &max);
    if (e)
        return e;
    if (q->points < 1 || q->points > LIMIT_TRACK_CHART_POINTS)
        return op_fail_field(op, "points", "'points' must be 1 to %d", LIMIT_TRACK_CHART_POINTS);
    if (q->limited && (e = sample_range_check(op, q->from, q->to, q->log)))
        return e;
    if (!(q->smoothing >= 0 && q->smoothing < 1))
        return op_fail_field(op, "smoothing", "'smoothing' must be at least 0 and less than 1");
    return OK;
}

/* ---- groups ---- */

static int by_size(const void *a, const void *b)
{
    const struct group *x = *(struct group *const *)a, *y = *(struct group *const *)b;
    return x->runs != y->runs ? (x->runs < y->runs) - (x->runs > y->runs) : (x->place > y->place) - (x->place < y->place);
}

/* The group of a label; NULL for want of memory. */
static struct group *group_of(struct crowd_work *w, struct map *known, struct group **none, struct str label)
{
    struct group *g = label.p ? map_find(known, label) : *none;
    if (g)
        return g;
    g = arena_array(w->op->arena, 1, struct group);
    if (!g)
        return NULL;
    *g = (struct group){.label = label, .place = w->out.groups};
    if (!label.p)
        *none = g;
    else if (!map_put(known, label, g))
        return NULL;
    w->groups[w->out.groups++] = g;
    return g;
}

/* Who is in which group, and room for what the largest ones say. */
static enum err group_runs(struct crowd_work *w, const int64_t *rows, size_t n)
{
    struct op *op = w->op;
    struct str key = w->q->group_key;
    bool param = w->q->group == COMPARE_BY_PARAM;
    struct run_columns columns = {.some_params = &key, .param_count = param, .some_tags = &key, .tag_count = !param};
    struct track_run *runs = arena_array(op->arena, n + 1, struct track_run);
    struct group *none = NULL;
    struct map known;
    map_init(&known, op->arena);
    w->members = arena_array(op->arena, n + 1, struct member);
    w->groups = arena_array(op->arena, n + 1, struct group *);
    if (!runs || !w->members || !w->groups)
        return no_room(op);
    enum err e = run_rows_load(op, w->tx, rows, n, &columns, runs);
    for (size_t i = 0; !e && i < n; i++) {
        const struct track_kvs *kvs = param ? &runs[i].params : &runs[i].tags;
        if (!runs[i].row) /* gone since it was found */
            continue;
        struct member *m = &w->members[w->member_count++];
        struct str label = kvs->len ? kvs->p[0].value : (struct str){0};
        if (kvs->len && !label.len)
            label = STR("");
        *m = (struct member){.group = group_of(w, &known, &none, label), .series = {.id = runs[i].row, .run_id = runs[i].run_id, .key = w->q->metric}};
        if (!m->group)
            return no_room(op);
        m->group->runs++;
    }
    w->out.runs = w->member_count;
    if (e)
        return e;
    qsort(w->groups, w->out.groups, sizeof(struct group *), by_size);
    w->out.len = w->out.groups < LIMIT_TRACK_CROWD_GROUPS ? w->out.groups : LIMIT_TRACK_CROWD_GROUPS;
    for (size_t i = 0; i < w->out.len; i++)
        if (!(w->groups[i]->sums = arena_array(op->arena, w->q->points, struct together)))
            return no_room(op);
    for (size_t i = 0; i < w->out.len; i++)
        memset(w->groups[i]->sums, 0, w->q->points * sizeof(struct together));
    return OK;
}

/* ---- points ---- */

/* The number of a member's series in place of its run's. */
static enum err find_series(struct crowd_work *w, struct member *m)
{
    struct db_val row[4], args[] = {DB_I64(m->series.id), DB_TEXT(w->q->metric)};
    enum err e = db_query_one(w->op, w->tx, &sql_overlay_run, args, ARRAY_LEN(args), row, ARRAY_LEN(row));
    m->series.id = 0;
    if (e == E_NOT_FOUND) {
        op_clear(w->op);
        return OK;
    }
    if (!e && row[2].type != DB_TYPE_NULL) {
        m->series.id = row[2].i;
        m->series.points = row[3].i > 0 ? (size_t)row[3].i : 0;
    }
    return e ? e : op_check_deadline(w->op);
}

/* Leaves only those that are drawn and have the metric. */
static enum err find_all(struct crowd_work *w)
{
    size_t kept = 0;
    for (size_t i = 0; i < w->member_count; i++) {
        if (!w->members[i].group->sums)
            continue;
        enum err e = find_series(w, &w->members[i]);
        if (e)
            return e;
        if (w->members[i].series.id)
            w->members[kept++] = w->members[i];
    }
    w->member_count = kept;
    return OK;
}

static enum err plan_axis(struct crowd_work *w)
{
    const struct crowd_query *q = w->q;
    double from = (double)INFINITY, to = -(double)INFINITY;
    bool any = false;
    for (size_t i = 0; !q->limited && i < w->member_count; i++) {
        AUTO(series) struct series s = {.by_step = true};
        enum err e = series_cache_load(w->op, w->cache, w->tx, &w->members[i].series, &s);
        if (!e)
            e = op_check_deadline(w->op);
        if (e)
            return e;
        any |= sample_extent(&s, q->axis, q->log, &from, &to);
    }
    if (q->limited)
        from = q->from, to = q->to;
    else if (!any)
        from = to = q->log ? 1 : 0;
    w->plan = (struct sample_buckets){.axis = q->axis, .from = from, .to = to, .log = q->log, .len = q->points};
    w->out.from = from;
    w->out.to = to;
    return OK;
}

static enum err add_all(struct crowd_work *w)
{
    w->buckets = arena_array(w->op->arena, w->plan.len, struct sample_bucket);
    if (!w->buckets)
        return no_room(w->op);
    for (size_t i = 0; i < w->member_count; i++) {
        AUTO(series) struct series s = {.by_step = true};
        enum err e = series_cache_load(w->op, w->cache, w->tx, &w->members[i].series, &s);
        if (!e)
            e = sample_fill(w->op, &s, &w->plan, w->buckets);
        if (!e)
            e = op_check_deadline(w->op);
        if (e)
            return e;
        together_add(w->members[i].group->sums, w->buckets, w->plan.len);
    }
    return OK;
}

static enum err draw(struct crowd_work *w)
{
    struct op *op = w->op;
    w->out.lines = arena_array(op->arena, w->out.len + 1, struct compare_line);
    if (!w->out.lines)
        return no_room(op);
    for (size_t i = 0; i < w->out.len; i++) {
        struct compare_line *line = &w->out.lines[i];
        *line = (struct compare_line){.group = w->groups[i]->label, .run_count = w->groups[i]->runs};
        if (!together_line(op, w->groups[i]->sums, w->plan.len, line))
            return no_room(op);
        if (w->q->smoothing <= 0)
            continue;
        line->smooth = arena_array(op->arena, line->len + 1, double);
        if (!line->smooth)
            return no_room(op);
        smooth_ema(line->mean, line->len, w->q->smoothing, line->smooth);
    }
    return OK;
}

static enum err crowd_tx(struct op *op, struct db_tx *tx, void *arg, const int64_t *rows, size_t n)
{
    struct crowd_work *w = arg;
    (void)op;
    w->tx = tx;
    enum err e = group_runs(w, rows, n);
    if (!e)
        e = find_all(w);
    if (!e)
        e = plan_axis(w);
    if (!e)
        e = add_all(w);
    return e ? e : draw(w);
}

enum err crowd_read(struct op *op, struct db *db, struct series_cache *cache, const struct crowd_query *q, struct crowd *ret)
{
    struct crowd_work w = {.op = op, .q = q, .cache = cache};
    enum err e = crowd_check(op, q);
    if (!e)
        e = many_read(op, db, &q->runs, crowd_tx, &w);
    if (!e)
        *ret = w.out;
    return e;
}
