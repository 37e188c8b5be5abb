/* A run's row and what hangs on it change under one number in track_change. Whether the run itself changed is found by a small table of fingerprints: the last
 * seen (name, status, end, deleted) of a run, by its row; a collision or a run never seen counts as a change of the run. */
#include "core/event/feed.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/limits.h"
#include "base/vec.h"
#include "sql_gen.h"

#define FINGERPRINTS 4096

enum log { LOG_RUNS, LOG_AUDIT, LOG_NOTES, LOGS };

struct found {
    enum event_kind kind;
    struct str name;
};

struct found_list {
    struct found *p;
    size_t len, cap;
};

struct feed {
    struct db *db;
    bool begun;
    int64_t marks[LOGS];
    struct event *ring;      /* event n lies at n % LIMIT_EVENT_RING; its name is ours */
    uint64_t oldest, newest; /* kept: oldest .. newest; nothing when newest < oldest */
    struct {
        int64_t run;
        uint64_t print;
    } seen[FINGERPRINTS];
};

struct feed *feed_create(struct db *db)
{
    struct feed *f = calloc(1, sizeof *f);
    if (!f || !(f->ring = calloc(LIMIT_EVENT_RING, sizeof *f->ring)))
        abort();
    f->db = db;
    f->oldest = 1;
    return f;
}

static void forget_oldest(struct feed *f)
{
    struct event *e = &f->ring[f->oldest++ % LIMIT_EVENT_RING];
    free((char *)(uintptr_t)e->name.p);
    *e = (struct event){0};
}

void feed_destroy(struct feed *f)
{
    if (!f)
        return;
    while (f->oldest <= f->newest)
        forget_oldest(f);
    free(f->ring);
    free(f);
}

static void add(struct feed *f, const struct found *found)
{
    char *name = malloc(found->name.len + 1);
    if (!name)
        abort();
    memcpy(name, found->name.p, found->name.len);
    if (f->newest + 1 - f->oldest == LIMIT_EVENT_RING)
        forget_oldest(f);
    f->newest++;
    f->ring[f->newest % LIMIT_EVENT_RING] = (struct event){f->newest, found->kind, {name, found->name.len}};
}

/* ---- reading the logs ---- */

struct look {
    struct feed *feed;
    int64_t marks[LOGS];
    struct found_list found;
    bool gap;
};

static enum err found_add(struct op *op, struct look *l, enum event_kind kind, struct str name)
{
    for (size_t i = l->found.len; i > 0 && i + 64 > l->found.len; i--) /* neighbours only: doubles cost little */
        if (l->found.p[i - 1].kind == kind && str_eq(l->found.p[i - 1].name, name))
            return OK;
    struct found *slot = vec_push(&l->found, op->arena);
    if (!slot)
        return op_fail(op, E_TOO_LARGE, "too many changes in one look");
    *slot = (struct found){kind, name};
    return OK;
}

static bool run_itself_changed(struct feed *f, struct db_tx *tx, struct db_rows *rows, int64_t run)
{
    struct str name = db_col_str(tx, rows, 2);
    int64_t facts[] = {db_col_i64(tx, rows, 3), db_col_i64(tx, rows, 4), db_col_i64(tx, rows, 5)};
    uint64_t print = hash64(facts, sizeof facts, hash64(name.p, name.len, 0));
    size_t at = (size_t)run % FINGERPRINTS;
    bool changed = f->seen[at].run != run || f->seen[at].print != print;
    f->seen[at].run = run;
    f->seen[at].print = print;
    return changed;
}

static enum err runs_row(struct op *op, struct look *l, struct db_tx *tx, struct db_rows *rows)
{
    int64_t run = db_col_i64(tx, rows, 0);
    if (run < 0)
        return found_add(op, l, EVENT_EXPERIMENT, str_from(op_printf(op, "%" PRId64, -1 - run)));
    if (db_col_null(tx, rows, 1)) /* purged since */
        return OK;
    enum event_kind kind = run_itself_changed(l->feed, tx, rows, run) ? EVENT_RUN : EVENT_METRIC;
    return found_add(op, l, kind, db_col_dup(op, tx, rows, 1));
}

/* What an audited change is to the stream; a second kind for what concerns two. */
static size_t kinds_of(struct str kind, struct str verb, enum event_kind ret[2])
{
    static const struct {
        const char *kind, *verb_begin;
        enum event_kind a, b;
    } table[] = {
        {"experiment", "", EVENT_EXPERIMENT, EVENT_KINDS},
        {"run", "", EVENT_RUN, EVENT_KINDS},
        {"model", "model_version.", EVENT_VERSION, EVENT_KINDS},
        {"model", "approval.", EVENT_APPROVAL, EVENT_KINDS},
        {"model", "", EVENT_MODEL, EVENT_VERSION}, /* aliases and stages are of both */
        {"endpoint", "rollout_", EVENT_ROLLOUT, EVENT_ENDPOINT},
        {"endpoint", "alert_", EVENT_ALERT, EVENT_KINDS},
        {"endpoint", "retrain_", EVENT_RETRAIN, EVENT_KINDS},
        {"endpoint", "", EVENT_ENDPOINT, EVENT_KINDS},
        {"alert_rule", "", EVENT_ALERT, EVENT_KINDS},
        {"alert", "", EVENT_ALERT, EVENT_KINDS},
        {"pipeline_run", "", EVENT_PIPELINE, EVENT_RETRAIN},
        {"feature_view", "", EVENT_FEATURE, EVENT_KINDS},
    };
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        if (!str_eqc(kind, table[i].kind) || !str_starts(verb, str_from(table[i].verb_begin)))
            continue;
        ret[0] = table[i].a;
        ret[1] = table[i].b;
        return table[i].b == EVENT_KINDS ? 1 : 2;
    }
    return 0;
}

static enum err audit_row(struct op *op, struct look *l, struct db_tx *tx, struct db_rows *rows)
{
    enum event_kind kinds[2];
    size_t n = kinds_of(db_col_str(tx, rows, 0), db_col_str(tx, rows, 1), kinds);
    struct str object = n ? db_col_dup(op, tx, rows, 2) : STR("");
    enum err e = OK;
    for (size_t i = 0; i < n && !e; i++)
        e = found_add(op, l, kinds[i], object);
    return e;
}

static enum err notes_row(struct op *op, struct look *l, struct db_tx *tx, struct db_rows *rows)
{
    int64_t kind = db_col_i64(tx, rows, 0);
    return kind >= 0 && kind < EVENT_KINDS ? found_add(op, l, (enum event_kind)kind, db_col_dup(op, tx, rows, 1)) : OK;
}

static const struct {
    const struct sql *sql;
    enum err (*row)(struct op *op, struct look *l, struct db_tx *tx, struct db_rows *rows);
} logs[LOGS] = {
    [LOG_RUNS] = {&sql_event_runs, runs_row},
    [LOG_AUDIT] = {&sql_event_audit, audit_row},
    [LOG_NOTES] = {&sql_event_notes, notes_row},
};

static enum err log_read(struct op *op, struct look *l, struct db_tx *tx, enum log log)
{
    int64_t from = l->feed->marks[log], to = l->marks[log];
    struct db_rows *rows = NULL;
    bool more = false;
    if (to <= from)
        return OK;
    enum err e = db_query(op, tx, logs[log].sql, DB_ARGS(DB_I64(from), DB_I64(to)), &rows);
    if (e)
        return e;
    while (!(e = db_step(op, tx, rows, &more)) && more && !(e = logs[log].row(op, l, tx, rows)))
        ;
    db_end(tx, rows);
    return e;
}

static enum err logs_read(struct op *op, struct db_tx *tx, void *arg)
{
    struct look *l = arg;
    struct db_val v[LOGS];
    enum err e = db_query_one(op, tx, &sql_event_marks, DB_NO_ARGS, v, LOGS);
    for (size_t i = 0; i < LOGS && !e; i++) {
        l->marks[i] = v[i].i;
        l->gap = l->gap || l->marks[i] - l->feed->marks[i] > LIMIT_EVENT_GAP;
    }
    for (size_t i = 0; i < LOGS && !e && l->feed->begun && !l->gap; i++)
        e = log_read(op, l, tx, (enum log)i);
    return e;
}

enum err feed_look(struct op *op, struct feed *f)
{
    struct look l = {.feed = f};
    enum err e = db_read(op, f->db, logs_read, &l);
    if (e)
        return e;
    if (f->begun && l.gap) {
        while (f->oldest <= f->newest)
            forget_oldest(f);
        f->oldest = ++f->newest + 1; /* a number that was told to nobody: whoever stands before it has missed something */
    }
    for (size_t i = 0; i < l.found.len; i++)
        add(f, &l.found.p[i]);
    memcpy(f->marks, l.marks, sizeof f->marks);
    f->begun = true;
    return OK;
}

uint64_t feed_newest(const struct feed *f)
{
    return f->newest;
}

bool feed_read(const struct feed *f, uint64_t after, void (*fn)(void *arg, const struct event *e), void *arg)
{
    if (after + 1 < f->oldest || after > f->newest)
        return false;
    for (uint64_t n = after + 1; n <= f->newest; n++)
        fn(arg, &f->ring[n % LIMIT_EVENT_RING]);
    return true;
}
