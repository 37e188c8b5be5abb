#include "core/overview/overview.h"

#include <math.h>
#include <stdlib.h>

#include "base/limits.h"
#include "base/vec.h"
#include "sql_gen.h"

/* One statement whose rows become structures: `row` fills the one at `at`. */
struct reader {
    struct op *op;
    struct db_tx *tx;
    struct db_rows *rows;
};
typedef void (*fill_fn)(const struct reader *r, void *at);

static struct str text(const struct reader *r, int i)
{
    return db_col_null(r->tx, r->rows, i) ? STR("") : db_col_dup(r->op, r->tx, r->rows, i);
}

static int64_t whole(const struct reader *r, int i)
{
    return db_col_i64(r->tx, r->rows, i);
}

static double real(const struct reader *r, int i)
{
    return db_col_null(r->tx, r->rows, i) ? (double)NAN : db_col_f64(r->tx, r->rows, i);
}

static enum err rows_read(struct op *op, struct db_tx *tx, const struct sql *sql, const struct db_val *args, size_t args_len, fill_fn fill, size_t size, void *ret, size_t *ret_len)
{
    char *all = arena_alloc(op->arena, size * LIMIT_OVERVIEW_ROWS);
    struct reader r = {op, tx, NULL};
    size_t n = 0;
    bool row = false;
    enum err e = all ? db_query(op, tx, sql, args, args_len, &r.rows) : op_fail(op, E_TOO_LARGE, "no memory is left for the overview");
    if (e)
        return e;
    while (n < LIMIT_OVERVIEW_ROWS && !(e = db_step(op, tx, r.rows, &row)) && row)
        fill(&r, all + size * n++);
    db_end(tx, r.rows);
    *(void **)ret = all;
    *ret_len = n;
    return e;
}

static void run_fill(const struct reader *r, void *at)
{
    *(struct overview_run *)at = (struct overview_run){.id = text(r, 0), .name = text(r, 1), .experiment = whole(r, 2), .experiment_name = text(r, 3),
        .user = text(r, 4), .status = (enum track_run_status)whole(r, 5), .start_ms = whole(r, 6), .end_ms = whole(r, 7)};
}

static void approval_fill(const struct reader *r, void *at)
{
    *(struct overview_approval *)at = (struct overview_approval){.id = whole(r, 0), .model = text(r, 1), .kind = text(r, 2), .subject = text(r, 3), .version = whole(r, 4),
        .old_value = text(r, 5), .requested_by = text(r, 6), .requested_us = whole(r, 7), .expires_us = whole(r, 8), .reason = text(r, 9)};
}

static void endpoint_alert_fill(const struct reader *r, void *at)
{
    *(struct overview_endpoint_alert *)at = (struct overview_endpoint_alert){.endpoint = text(r, 0), .rule = text(r, 1), .subject = text(r, 2),
        .value = real(r, 3), .bound = real(r, 4), .fired_us = whole(r, 5)};
}

static void run_alert_fill(const struct reader *r, void *at)
{
    *(struct overview_run_alert *)at = (struct overview_run_alert){.id = whole(r, 0), .rule = text(r, 1), .run_id = text(r, 2), .run_name = text(r, 3),
        .metric = text(r, 4), .reason = text(r, 5), .fired_us = whole(r, 6)};
}

static void rollout_fill(const struct reader *r, void *at)
{
    *(struct overview_rollout *)at = (struct overview_rollout){.id = whole(r, 0), .endpoint = text(r, 1), .control = whole(r, 2), .candidate = whole(r, 3), .started_us = whole(r, 4),
        .paused = text(r, 5), .verdict = text(r, 6), .reason = text(r, 7), .permille = whole(r, 8), .decided_us = whole(r, 9)};
}

static void pipeline_fill(const struct reader *r, void *at)
{
    *(struct overview_pipeline *)at = (struct overview_pipeline){.id = whole(r, 0), .endpoint = text(r, 1), .reason = text(r, 2), .state = text(r, 3),
        .started_us = whole(r, 4), .ended_us = whole(r, 5)};
}

#define READ(sql, fill, list, len, ...) rows_read(op, tx, &sql, DB_ARGS(__VA_ARGS__), fill, sizeof *(list), &(list), &(len))

static void change_fill(const struct reader *r, void *at)
{
    *(struct overview_change *)at = (struct overview_change){.seq = whole(r, 0), .time_us = whole(r, 1), .actor = text(r, 2), .verb = text(r, 3),
        .kind = text(r, 4), .object = text(r, 5), .detail = text(r, 6)};
}

static int newer(const void *a, const void *b)
{
    int64_t x = ((const struct overview_change *)a)->seq, y = ((const struct overview_change *)b)->seq;
    return x < y ? 1 : x > y ? -1 : 0;
}

/* Rows of runs are many and stand in the runs' own list; those of tokens and settings are the administrator's. By kind, since that has an
 * index: a million runs later the newest change of a model is found as fast. */
static enum err changes_read(struct op *op, struct db_tx *tx, struct overview *o)
{
    static const char *const kinds[] = {"model", "endpoint", "feature_view", "pipeline_run", "experiment"};
    struct overview_change *all = arena_array(op->arena, ARRAY_LEN(kinds) * LIMIT_OVERVIEW_ROWS, struct overview_change);
    size_t n = 0;
    if (!all)
        return op_fail(op, E_TOO_LARGE, "no memory is left for the overview");
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        struct overview_change *rows = NULL;
        size_t len = 0;
        enum err e = READ(sql_overview_changes, change_fill, rows, len, DB_TEXT(str_from(kinds[i])), DB_I64(LIMIT_OVERVIEW_ROWS));
        if (e)
            return e;
        for (size_t k = 0; k < len; k++)
            all[n++] = rows[k];
    }
    qsort(all, n, sizeof *all, newer);
    o->changes = all;
    o->changes_len = n < LIMIT_OVERVIEW_ROWS ? n : LIMIT_OVERVIEW_ROWS;
    return OK;
}

static enum err overview_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct overview *o = arg;
    struct db_val count, limit = DB_I64(LIMIT_OVERVIEW_ROWS);
    enum err e = db_query_one(op, tx, &sql_overview_running_count, DB_NO_ARGS, &count, 1);
    if (e || (e = READ(sql_overview_running, run_fill, o->running, o->running_len, limit)) ||
        (e = READ(sql_overview_newest, run_fill, o->newest, o->newest_len, limit)) ||
        (e = READ(sql_overview_approvals, approval_fill, o->approvals, o->approvals_len, DB_I64(op->now_us), limit)) ||
        (e = READ(sql_overview_endpoint_alerts, endpoint_alert_fill, o->endpoint_alerts, o->endpoint_alerts_len, limit)) ||
        (e = READ(sql_overview_run_alerts, run_alert_fill, o->run_alerts, o->run_alerts_len, limit)) ||
        (e = READ(sql_overview_rollouts, rollout_fill, o->rollouts, o->rollouts_len, limit)) ||
        (e = READ(sql_overview_pipelines, pipeline_fill, o->pipelines, o->pipelines_len, limit)))
        return e;
    o->running_count = count.i;
    return changes_read(op, tx, o);
}

enum err overview_read(struct op *op, struct db *db, struct overview *ret)
{
    struct overview o = {0};
    enum err e = db_read(op, db, overview_tx, &o);
    if (!e)
        *ret = o;
    return e;
}
