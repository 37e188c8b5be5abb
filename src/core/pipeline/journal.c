#include "core/pipeline/journal.h"

#include <stdlib.h>

#include "base/arena.h"
#include "base/limits.h"
#include "base/map.h"
#include "base/time.h"
#include "core/audit/audit.h"
#include "core/event/note.h"
#include "sql_gen.h"

#define USUAL_RUNS 30 /* that a usual duration is the median of */
#define USUAL_MAX 64  /* durations of one stage that are looked at */

static enum err check_text(struct op *op, const char *what, struct str s, size_t max)
{
    if (s.len > max || memchr(s.p ? s.p : "", 0, s.len))
        return op_fail_field(op, what, "'%s' must be at most %zu bytes without NUL", what, max);
    return OK;
}

static enum err tell(struct op *op, struct db_tx *tx, int64_t id)
{
    return event_note(op, tx, EVENT_PIPELINE, str_from(op_printf(op, "%lld", (long long)id)));
}

/* ---- reports ---- */

struct state_read {
    struct str state, origin;
    bool cancel;
};

static enum err state_read(struct op *op, struct db_tx *tx, int64_t id, struct state_read *ret)
{
    struct db_val v[3];
    enum err e = db_query_one(op, tx, &sql_journal_state, DB_ARGS(DB_I64(id)), v, 3);
    if (e == E_NOT_FOUND)
        return op_fail(op, E_NOT_FOUND, "there is no pipeline run %lld", (long long)id);
    if (!e)
        *ret = (struct state_read){str_dup(op->arena, v[0].s), str_dup(op->arena, v[1].s), v[2].type != DB_TYPE_NULL};
    return e;
}

static bool is_open(struct str state)
{
    return str_eqc(state, "queued") || str_eqc(state, "running");
}

struct begin_write {
    const struct journal_begin *b;
    int64_t id;
};

static enum err begin_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct begin_write *w = arg;
    const struct journal_begin *b = w->b;
    struct state_read s = {0};
    enum err e = OK;
    w->id = b->run;
    if (b->run) {
        e = state_read(op, tx, b->run, &s);
        if (!e && (!str_eqc(s.origin, "server") || !is_open(s.state)))
            e = op_fail(op, E_NOT_FOUND, "pipeline run %lld is not one that this server runs", (long long)b->run);
        if (!e)
            e = db_exec(op, tx, &sql_journal_host, DB_ARGS(DB_I64(b->run), DB_TEXT(b->host)), NULL);
    } else {
        e = db_exec(op, tx, &sql_journal_begin,
                    DB_ARGS(DB_TEXT(b->workspace), DB_TEXT(b->argv), DB_I64(time_now_us()), DB_TEXT(b->pipeline), DB_TEXT(b->actor), DB_TEXT(b->host)), NULL);
        if (!e)
            w->id = db_last_id(tx);
        if (!e)
            e = db_exec(op, tx, &sql_journal_forget_log, DB_ARGS(DB_TEXT(b->pipeline), DB_I64(LIMIT_JOURNAL_LOGGED_RUNS)), NULL);
    }
    for (size_t i = 0; !e && i < b->len; i++)
        e = db_exec(op, tx, &sql_journal_stage_put,
                    DB_ARGS(DB_I64(w->id), DB_I64((int64_t)i), DB_TEXT(b->stages[i].name), DB_TEXT(b->stages[i].needs), DB_TEXT(b->stages[i].facts)), NULL);
    return e ? e : tell(op, tx, w->id);
}

enum err journal_begin(struct op *op, struct db *db, const struct journal_begin *b, int64_t *ret_id)
{
    struct begin_write w = {.b = b};
    enum err e = check_text(op, "workspace", b->workspace, LIMIT_JOURNAL_TEXT);
    if (!e && !b->run && !b->pipeline.len)
        e = op_fail_field(op, "pipeline", "'pipeline' must not be empty");
    if (e || (e = check_text(op, "pipeline", b->pipeline, LIMIT_JOURNAL_NAME)) || (e = check_text(op, "host", b->host, LIMIT_JOURNAL_NAME)) ||
        (e = check_text(op, "argv", b->argv, LIMIT_JOURNAL_FACTS)))
        return e;
    if (b->len > LIMIT_JOURNAL_STAGES)
        return op_fail_field(op, "stages", "%zu stages are too many: at most %d are kept", b->len, LIMIT_JOURNAL_STAGES);
    for (size_t i = 0; i < b->len; i++)
        if ((e = check_text(op, "name", b->stages[i].name, LIMIT_JOURNAL_NAME)) || (e = check_text(op, "needs", b->stages[i].needs, LIMIT_JOURNAL_FACTS)) ||
            (e = check_text(op, "facts", b->stages[i].facts, LIMIT_JOURNAL_FACTS)))
            return e;
    if (!(e = db_write(op, db, begin_tx, &w)))
        *ret_id = w.id;
    return e;
}

struct report_write {
    int64_t run;
    const struct journal_update *updates;
    size_t n;
    bool cancel;
};

static struct db_val when(int64_t us)
{
    return us ? DB_I64(us) : DB_NULL;
}

static enum err update_write(struct op *op, struct db_tx *tx, int64_t run, const struct journal_update *u)
{
    const struct journal_stage *s = &u->stage;
    enum err e = OK;
    if (s->state.len)
        e = db_exec(op, tx, &sql_journal_stage_set,
                    DB_ARGS(DB_I64(run), DB_I64(u->place), DB_TEXT(s->state), DB_TEXT(s->reason), DB_I64(s->attempts), when(s->started_us), when(s->ended_us),
                            DB_I64(s->cpu_us), DB_I64(s->max_rss_bytes), DB_I64(s->exit_code), DB_TEXT(s->track_run)),
                    NULL);
    if (!e && u->log.p)
        e = db_exec(op, tx, &sql_journal_stage_log, DB_ARGS(DB_I64(run), DB_I64(u->place), DB_TEXT(u->log), DB_I64(s->log_bytes)), NULL);
    return e;
}

static enum err report_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct report_write *w = arg;
    struct state_read s;
    enum err e = state_read(op, tx, w->run, &s);
    if (e)
        return e;
    if (!is_open(s.state))
        return op_fail(op, E_CONFLICT, "pipeline run %lld has ended: %.*s", (long long)w->run, STR_FMT(s.state));
    w->cancel = s.cancel;
    e = db_exec(op, tx, &sql_journal_seen, DB_ARGS(DB_I64(w->run), DB_I64(time_now_us())), NULL);
    for (size_t i = 0; !e && i < w->n; i++)
        e = update_write(op, tx, w->run, &w->updates[i]);
    return e || !w->n ? e : tell(op, tx, w->run);
}

enum err journal_report(struct op *op, struct db *db, int64_t run, const struct journal_update *updates, size_t n, bool *ret_cancel)
{
    struct report_write w = {.run = run, .updates = updates, .n = n};
    enum err e = OK;
    for (size_t i = 0; !e && i < n; i++) {
        const struct journal_stage *s = &updates[i].stage;
        if ((e = check_text(op, "state", s->state, LIMIT_JOURNAL_NAME)) || (e = check_text(op, "reason", s->reason, LIMIT_JOURNAL_TEXT)) ||
            (e = check_text(op, "track_run", s->track_run, LIMIT_JOURNAL_NAME)) || (e = check_text(op, "log", updates[i].log, LIMIT_JOURNAL_LOG)))
            return e;
    }
    if (!e && !(e = db_write(op, db, report_tx, &w)))
        *ret_cancel = w.cancel;
    return e;
}

struct end_write {
    int64_t run, exit_code, cpu_us, max_rss_bytes;
    struct str state;
};

static enum err end_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct end_write *w = arg;
    struct state_read s;
    enum err e = state_read(op, tx, w->run, &s);
    if (!e && !str_eqc(s.origin, "report"))
        e = op_fail(op, E_CONFLICT, "the server itself watches pipeline run %lld", (long long)w->run);
    if (e || !is_open(s.state))
        return e;
    e = db_exec(op, tx, &sql_journal_end,
                DB_ARGS(DB_I64(w->run), DB_TEXT(w->state), DB_I64(time_now_us()), DB_I64(w->exit_code), DB_I64(w->cpu_us), DB_I64(w->max_rss_bytes)), NULL);
    return e ? e : tell(op, tx, w->run);
}

enum err journal_end(struct op *op, struct db *db, int64_t run, struct str state, int64_t exit_code, int64_t cpu_us, int64_t max_rss_bytes)
{
    struct end_write w = {run, exit_code, cpu_us, max_rss_bytes, state};
    if (!str_eqc(state, "succeeded") && !str_eqc(state, "failed") && !str_eqc(state, "cancelled"))
        return op_fail_field(op, "state", "'state' must be succeeded, failed or cancelled, not \"%.*s\"", STR_FMT(state));
    return db_write(op, db, end_tx, &w);
}

static enum err cancel_tx(struct op *op, struct db_tx *tx, void *arg)
{
    int64_t run = *(int64_t *)arg;
    struct state_read s;
    enum err e = state_read(op, tx, run, &s);
    if (!e && !is_open(s.state))
        e = op_fail(op, E_CONFLICT, "pipeline run %lld has ended: %.*s", (long long)run, STR_FMT(s.state));
    if (e || (e = db_exec(op, tx, &sql_journal_cancel, DB_ARGS(DB_I64(run), DB_I64(time_now_us())), NULL)) || (e = tell(op, tx, run)))
        return e;
    return audit_append(op, tx, STR("cancel"), STR("pipeline_run"), str_from(op_printf(op, "%lld", (long long)run)), STR("{}"));
}

enum err journal_cancel(struct op *op, struct db *db, int64_t run)
{
    return db_write(op, db, cancel_tx, &run);
}

/* ---- reading ---- */

#define ROW_BYTES LIMIT_KIB(256) /* what a row holds is bounded when it is written, see the limits */

/* Asked before each row: texts of rows are copied, and thousands of runs with long commands are more than a request may hold. */
static enum err room_for_row(struct op *op)
{
    return arena_left(op->arena) < ROW_BYTES ? op_fail(op, E_TOO_LARGE, "these pipeline runs do not fit in memory: ask for fewer") : OK;
}

static struct journal_run row_read(struct op *op, struct db_tx *tx, struct db_rows *r)
{
    struct journal_run x = {
        .id = db_col_i64(tx, r, 0), .pipeline = db_col_dup(op, tx, r, 1), .origin = db_col_dup(op, tx, r, 2), .endpoint = db_col_dup(op, tx, r, 3),
        .workspace = db_col_dup(op, tx, r, 4), .reason = db_col_dup(op, tx, r, 5), .argv = db_col_dup(op, tx, r, 6), .state = db_col_dup(op, tx, r, 7),
        .actor = db_col_dup(op, tx, r, 8), .host = db_col_dup(op, tx, r, 9), .time_us = db_col_i64(tx, r, 10), .started_us = db_col_i64(tx, r, 11),
        .ended_us = db_col_i64(tx, r, 12), .seen_us = db_col_i64(tx, r, 13), .cancel_us = db_col_i64(tx, r, 14), .exit_code = db_col_i64(tx, r, 15),
        .cpu_us = db_col_i64(tx, r, 16), .max_rss_bytes = db_col_i64(tx, r, 17), .log_path = db_col_dup(op, tx, r, 18), .result = db_col_dup(op, tx, r, 19),
    };
    if (str_eqc(x.origin, "report") && str_eqc(x.state, "running") && time_now_us() - x.seen_us > JOURNAL_SILENCE_US)
        x.state = STR("lost");
    return x;
}

struct list_read {
    struct str pipeline;
    int64_t before;
    size_t limit, len;
    struct journal_run *rows;
};

static enum err list_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct list_read *l = arg;
    struct db_rows *r;
    bool row;
    enum err e = db_query(op, tx, &sql_journal_list, DB_ARGS(DB_TEXT(l->pipeline), DB_I64(l->before ? l->before : INT64_MAX), DB_I64((int64_t)l->limit)), &r);
    if (e)
        return e;
    while (!(e = db_step(op, tx, r, &row)) && row && l->len < l->limit && !(e = room_for_row(op)))
        l->rows[l->len++] = row_read(op, tx, r);
    db_end(tx, r);
    return e;
}

static enum err list_make(struct op *op, struct list_read *l)
{
    l->rows = arena_array(op->arena, l->limit + 1, struct journal_run);
    return l->rows ? OK : op_fail(op, E_TOO_LARGE, "%zu pipeline runs are too many to list", l->limit);
}

enum err journal_list(struct op *op, struct db *db, struct str pipeline, int64_t before, size_t limit, struct journal_run **ret, size_t *ret_len)
{
    struct list_read l = {.pipeline = pipeline, .before = before, .limit = limit};
    enum err e = list_make(op, &l);
    if (!e && !(e = db_read(op, db, list_tx, &l))) {
        *ret = l.rows;
        *ret_len = l.len;
    }
    return e;
}

struct pipelines_read {
    struct str after;
    size_t limit, runs_each, len;
    struct journal_pipeline *rows;
};

static enum err pipelines_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct pipelines_read *p = arg;
    struct db_rows *r;
    bool row;
    enum err e = db_query(op, tx, &sql_journal_pipelines, DB_ARGS(DB_TEXT(p->after), DB_I64((int64_t)p->limit)), &r);
    if (e)
        return e;
    while (!(e = db_step(op, tx, r, &row)) && row && p->len < p->limit && !(e = room_for_row(op)))
        p->rows[p->len++] = (struct journal_pipeline){.name = db_col_dup(op, tx, r, 0), .runs = db_col_i64(tx, r, 1)};
    db_end(tx, r);
    for (size_t i = 0; !e && i < p->len; i++) {
        struct list_read l = {.pipeline = p->rows[i].name, .limit = p->runs_each};
        if ((e = list_make(op, &l)) || (e = list_tx(op, tx, &l)))
            break;
        p->rows[i].newest = l.rows;
        p->rows[i].len = l.len;
    }
    return e;
}

enum err journal_pipelines(struct op *op, struct db *db, struct str after, size_t limit, size_t runs_each, struct journal_pipeline **ret, size_t *ret_len)
{
    struct pipelines_read p = {.after = after, .limit = limit, .runs_each = runs_each};
    p.rows = arena_array(op->arena, limit + 1, struct journal_pipeline);
    if (!p.rows)
        return op_fail(op, E_TOO_LARGE, "%zu pipelines are too many to list", limit);
    enum err e = db_read(op, db, pipelines_tx, &p);
    if (!e) {
        *ret = p.rows;
        *ret_len = p.len;
    }
    return e;
}

struct get_read {
    int64_t run;
    struct journal_run row;
    struct journal_stage *stages;
    size_t len;
};

static enum err stages_read(struct op *op, struct db_tx *tx, struct get_read *g)
{
    struct db_rows *r;
    bool row;
    enum err e = db_query(op, tx, &sql_journal_stages, DB_ARGS(DB_I64(g->run), DB_I64(LIMIT_JOURNAL_STAGES)), &r);
    if (e)
        return e;
    while (!(e = db_step(op, tx, r, &row)) && row && g->len < LIMIT_JOURNAL_STAGES && !(e = room_for_row(op)))
        g->stages[g->len++] = (struct journal_stage){
            .name = db_col_dup(op, tx, r, 0), .needs = db_col_dup(op, tx, r, 1), .facts = db_col_dup(op, tx, r, 2), .state = db_col_dup(op, tx, r, 3),
            .reason = db_col_dup(op, tx, r, 4), .attempts = db_col_i64(tx, r, 5), .started_us = db_col_i64(tx, r, 6), .ended_us = db_col_i64(tx, r, 7),
            .cpu_us = db_col_i64(tx, r, 8), .max_rss_bytes = db_col_i64(tx, r, 9), .exit_code = db_col_i64(tx, r, 10), .track_run = db_col_dup(op, tx, r, 11),
            .log_bytes = db_col_i64(tx, r, 12),
        };
    db_end(tx, r);
    return e;
}

struct usual {
    int64_t us[USUAL_MAX];
    size_t len;
};

static int by_size(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* The median of how long each stage took in the runs before this one. */
static enum err usual_read(struct op *op, struct db_tx *tx, struct get_read *g)
{
    struct map by_name;
    struct db_rows *r;
    bool row;
    map_init(&by_name, op->arena);
    for (size_t i = 0; i < g->len; i++) {
        struct usual *u = arena_array(op->arena, 1, struct usual);
        if (!u || !map_put(&by_name, g->stages[i].name, u))
            return op_fail(op, E_TOO_LARGE, "no memory is left for the stages");
    }
    enum err e = db_query(op, tx, &sql_journal_durations,
                          DB_ARGS(DB_TEXT(g->row.pipeline), DB_I64(g->run), DB_I64(USUAL_RUNS), DB_I64((int64_t)USUAL_RUNS * LIMIT_JOURNAL_STAGES)), &r);
    if (e)
        return e;
    while (!(e = db_step(op, tx, r, &row)) && row) {
        struct usual *u = map_find(&by_name, db_col_str(tx, r, 0));
        if (u && u->len < USUAL_MAX)
            u->us[u->len++] = db_col_i64(tx, r, 1);
    }
    db_end(tx, r);
    for (size_t i = 0; !e && i < g->len; i++) {
        struct usual *u = map_find(&by_name, g->stages[i].name);
        if (!u || !u->len)
            continue;
        qsort(u->us, u->len, sizeof *u->us, by_size);
        g->stages[i].usual_us = u->us[u->len / 2];
    }
    return e;
}

static enum err get_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct get_read *g = arg;
    struct db_rows *r;
    bool row = false;
    enum err e = db_query(op, tx, &sql_journal_get, DB_ARGS(DB_I64(g->run)), &r);
    if (e)
        return e;
    e = db_step(op, tx, r, &row);
    if (!e && row)
        g->row = row_read(op, tx, r);
    db_end(tx, r);
    if (!e && !row)
        return op_fail(op, E_NOT_FOUND, "there is no pipeline run %lld", (long long)g->run);
    if (!e)
        e = stages_read(op, tx, g);
    return e ? e : usual_read(op, tx, g);
}

enum err journal_get(struct op *op, struct db *db, int64_t run, struct journal_run *ret, struct journal_stage **ret_stages, size_t *ret_len)
{
    struct get_read g = {.run = run};
    g.stages = arena_array(op->arena, LIMIT_JOURNAL_STAGES, struct journal_stage);
    if (!g.stages)
        return op_fail(op, E_TOO_LARGE, "no memory is left for the stages");
    enum err e = db_read(op, db, get_tx, &g);
    if (!e) {
        *ret = g.row;
        *ret_stages = g.stages;
        *ret_len = g.len;
    }
    return e;
}

struct log_read {
    int64_t run, bytes;
    struct str stage, text;
};

static enum err log_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct log_read *l = arg;
    struct db_val v[3];
    enum err e = db_query_one(op, tx, &sql_journal_log, DB_ARGS(DB_I64(l->run), DB_TEXT(l->stage)), v, 3);
    if (e == E_NOT_FOUND)
        return op_fail(op, E_NOT_FOUND, "pipeline run %lld has no stage '%.*s'", (long long)l->run, STR_FMT(l->stage));
    if (!e) {
        l->text = str_dup(op->arena, v[0].s);
        l->bytes = v[1].i;
    }
    return e;
}

enum err journal_log(struct op *op, struct db *db, int64_t run, struct str stage, struct str *ret, int64_t *ret_bytes)
{
    struct log_read l = {.run = run, .stage = stage};
    enum err e = db_read(op, db, log_tx, &l);
    if (!e) {
        *ret = l.text;
        *ret_bytes = l.bytes;
    }
    return e;
}
