/* online.c - durable pushes in front of the window indices.
 *
 * Order of a push: check everything, store the packed events in SQL (durable when db_write returns), then insert
 * them into the index, then answer. A crash before the commit loses an unacknowledged push; a crash after it
 * replays the push at the next start, and a client that repeats it is caught by the ids. Two pushes may be applied
 * in another order than they were stored: the index is a set of events, so the order does not show.
 *
 * A read takes the lock shared. The lock prefers writers, so that readers in a loop cannot starve a push, and
 * a push gives it up every FEATURE_PUSH_SLICE events, so that a read waits microseconds. */
#include "core/feature/online.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/limits.h"
#include "base/log.h"
#include "base/thread.h"
#include "base/time.h"
#include "core/audit/audit.h"
#include "core/feature/push.h"
#include "core/feature/window.h"
#include "sql_gen.h"

#define PUSH_BYTES_MAX LIMIT_MIB(64)

struct feature_table {
    int64_t id; /* of its row */
    struct feature_view *view;
    struct arena *arena; /* the view's */
    pthread_rwlock_t lock;
    struct window_index *index;
    int64_t expired_us; /* stored pushes up to here are deleted; under lock */
};

struct feature_online {
    struct db *db;
    struct mutex lock; /* serialises apply */
    struct feature_table *tables[LIMIT_FEATURE_VIEWS];
    _Atomic size_t len; /* tables below it are complete */
};

/* ---- tables ---- */

static void table_destroy(struct feature_table *t)
{
    window_index_destroy(t->index);
    pthread_rwlock_destroy(&t->lock);
    arena_destroy(t->arena);
    free(t);
}

/* Parses the definition into memory of its own. */
static enum err table_create(struct op *op, struct str yaml, struct feature_table **ret)
{
    struct arena *arena = arena_create(LIMIT_MIB(64));
    struct op own = *op;
    own.arena = arena;
    struct feature_view *view = NULL;
    enum err e = feature_view_parse(&own, yaml, &view);
    if (e) {
        /* The texts live in the arena that goes now. */
        if (own.field)
            e = op_fail_field(op, op_printf(op, "%s", own.field), "%s", own.msg);
        else
            e = op_fail(op, e, "%s", own.msg);
        arena_destroy(arena);
        return e;
    }
    struct feature_table *t = calloc(1, sizeof *t);
    if (!t)
        abort(); /* a small fixed allocation */
    *t = (struct feature_table){.view = view, .arena = arena, .expired_us = INT64_MIN};
    pthread_rwlockattr_t attr;
    pthread_rwlockattr_init(&attr);
    pthread_rwlockattr_setkind_np(&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    pthread_rwlock_init(&t->lock, &attr);
    pthread_rwlockattr_destroy(&attr);
    t->index = window_index_create(view, view->ttl_us + FEATURE_SLACK_US);
    *ret = t;
    return OK;
}

struct feature_table *feature_online_find(struct feature_online *f, struct str name)
{
    size_t n = atomic_load_explicit(&f->len, memory_order_acquire);
    for (size_t i = 0; i < n; i++) {
        if (str_eq(f->tables[i]->view->name, name))
            return f->tables[i];
    }
    return NULL;
}

size_t feature_online_list(struct op *op, struct feature_online *f, struct feature_table *const **ret)
{
    size_t n = atomic_load_explicit(&f->len, memory_order_acquire);
    struct feature_table **list = arena_alloc(op->arena, (n + 1) * sizeof(struct feature_table *));
    memcpy(list, f->tables, n * sizeof(struct feature_table *));
    *ret = list;
    return n;
}

const struct feature_view *feature_table_view(const struct feature_table *t)
{
    return t->view;
}

void feature_table_info_get(struct feature_table *t, struct feature_table_info *ret)
{
    pthread_rwlock_rdlock(&t->lock);
    struct window_stats s = window_index_stats(t->index);
    int64_t newest = window_index_newest(t->index);
    pthread_rwlock_unlock(&t->lock);
    *ret = (struct feature_table_info){s.events, s.keys, s.memory_bytes, newest, newest == INT64_MIN ? INT64_MIN : newest - FEATURE_SLACK_US};
}

/* ---- inserting ---- */

static enum err insert_events(struct op *op, struct feature_table *t, const struct feature_events *ev, struct feature_push_result *ret)
{
    struct str keys[FEATURE_KEYS_MAX];
    for (size_t i = 0; i < ev->n;) {
        size_t stop = i + FEATURE_PUSH_SLICE < ev->n ? i + FEATURE_PUSH_SLICE : ev->n;
        enum window_insert r = WINDOW_ADDED;
        pthread_rwlock_wrlock(&t->lock);
        for (; i < stop && r != WINDOW_NO_MEMORY; i++) {
            for (size_t k = 0; k < t->view->key_len; k++)
                keys[k] = ev->keys[k][i];
            r = window_index_insert(t->index, keys, ev->available_at_us[i], ev->labels[i], ev->ids ? ev->ids[i] : 0);
            ret->accepted += r == WINDOW_ADDED;
            ret->duplicate += r == WINDOW_DUPLICATE;
            ret->expired += r == WINDOW_EXPIRED;
        }
        ret->newest_us = window_index_newest(t->index);
        pthread_rwlock_unlock(&t->lock);
        if (r == WINDOW_NO_MEMORY)
            return op_fail(op, E_TOO_LARGE, "no memory for the events of view '%.*s'; they are stored and come back at the next start", STR_FMT(t->view->name));
    }
    return OK;
}

/* ---- open ---- */

static enum err load_views(struct op *op, struct db_tx *tx, void *arg)
{
    struct feature_online *f = arg;
    struct db_rows *rows = NULL;
    bool row = false;
    enum err e = db_query(op, tx, &sql_feature_view_list, DB_NO_ARGS, &rows);
    if (e)
        return e;
    while (!(e = db_step(op, tx, rows, &row)) && row) {
        size_t n = f->len;
        if (n == LIMIT_FEATURE_VIEWS) {
            e = op_fail(op, E_TOO_LARGE, "more than %d feature views are stored", LIMIT_FEATURE_VIEWS);
            break;
        }
        e = table_create(op, db_col_str(tx, rows, 2), &f->tables[n]);
        if (e) {
            op_context(op, "stored feature view %lld", (long long)db_col_i64(tx, rows, 0));
            break;
        }
        f->tables[n]->id = db_col_i64(tx, rows, 0);
        f->len = n + 1;
    }
    db_end(tx, rows);
    return e;
}

struct replay {
    struct feature_table *table;
    struct feature_push_result total;
};

static enum err load_pushes(struct op *op, struct db_tx *tx, void *arg)
{
    struct replay *r = arg;
    struct db_rows *rows = NULL;
    bool row = false;
    enum err e = db_query(op, tx, &sql_feature_push_list, DB_ARGS(DB_I64(r->table->id)), &rows);
    if (e)
        return e;
    struct arena *scratch = arena_create(LIMIT_MIB(256));
    struct op own = *op;
    own.arena = scratch;
    while (!(e = db_step(op, tx, rows, &row)) && row) {
        struct feature_events ev;
        e = push_unpack(&own, r->table->view, db_col_str(tx, rows, 1), &ev);
        if (!e)
            e = insert_events(&own, r->table, &ev, &r->total);
        if (e) {
            op_fail(op, e, "stored push %lld: %s", (long long)db_col_i64(tx, rows, 0), own.msg);
            break;
        }
        arena_reset(scratch);
    }
    db_end(tx, rows);
    arena_destroy(scratch);
    return e;
}

enum err feature_online_open(struct op *op, struct db *db, struct feature_online **ret)
{
    struct feature_online *f = calloc(1, sizeof *f);
    if (!f)
        abort(); /* a small fixed allocation */
    f->db = db;
    mutex_init(&f->lock);
    enum err e = db_read(op, db, load_views, f);
    for (size_t i = 0; !e && i < f->len; i++) {
        struct replay r = {.table = f->tables[i]};
        e = db_read(op, db, load_pushes, &r);
        if (!e)
            log_at(LOG_INFO, "feature.replay", {"view", LOG_S(r.table->view->name)}, {"events", LOG_I(r.total.accepted)});
    }
    if (e) {
        feature_online_close(f);
        return e;
    }
    *ret = f;
    return OK;
}

void feature_online_close(struct feature_online *f)
{
    if (!f)
        return;
    for (size_t i = 0; i < f->len; i++)
        table_destroy(f->tables[i]);
    mutex_clear(&f->lock);
    free(f);
}

/* ---- apply ---- */

static enum err store_view(struct op *op, struct db_tx *tx, void *arg)
{
    struct feature_table *t = arg;
    const struct feature_view *v = t->view;
    enum err e = db_exec(op, tx, &sql_feature_view_insert, DB_ARGS(DB_TEXT(v->name), DB_TEXT(str_from(v->digest)), DB_TEXT(v->text), DB_I64(op->now_us)), NULL);
    if (e)
        return e;
    t->id = db_last_id(tx);
    const char *detail = op_printf(op, "{\"digest\": \"%s\", \"features\": %zu}", v->digest, v->len);
    return audit_append(op, tx, STR("create"), STR("feature_view"), v->name, str_from(detail));
}

static enum err apply_locked(struct op *op, struct feature_online *f, struct str yaml, struct feature_table **ret)
{
    struct feature_table *t = NULL;
    enum err e = table_create(op, yaml, &t);
    if (e)
        return e;
    struct feature_table *old = feature_online_find(f, t->view->name);
    size_t n = f->len;
    if (old && strcmp(old->view->digest, t->view->digest) != 0)
        e = op_fail(op, E_CONFLICT, "feature view '%.*s' exists with another definition; a changed view needs a new name", STR_FMT(t->view->name));
    else if (!old && n == LIMIT_FEATURE_VIEWS)
        e = op_fail(op, E_TOO_LARGE, "more than %d feature views", LIMIT_FEATURE_VIEWS);
    else if (!old)
        e = db_write(op, f->db, store_view, t);
    if (e || old)
        table_destroy(t);
    if (e)
        return e;
    if (!old) {
        f->tables[n] = t;
        atomic_store_explicit(&f->len, n + 1, memory_order_release);
    }
    if (ret)
        *ret = old ? old : t;
    return OK;
}

enum err feature_online_apply(struct op *op, struct feature_online *f, struct str yaml, struct feature_table **ret)
{
    LOCK(&f->lock);
    return apply_locked(op, f, yaml, ret);
}

/* ---- push ---- */

struct push_write {
    struct feature_table *table;
    struct str packed;
    size_t n;
    int64_t newest_us;
    int64_t expire_us; /* INT64_MIN: nothing to delete */
};

static enum err store_push(struct op *op, struct db_tx *tx, void *arg)
{
    struct push_write *p = arg;
    struct db_val args[] = {DB_I64(p->table->id), DB_I64((int64_t)p->n), DB_I64(p->newest_us), DB_I64(op->now_us), DB_BLOB(p->packed)};
    enum err e = db_exec(op, tx, &sql_feature_push_insert, args, ARRAY_LEN(args), NULL);
    if (!e && p->expire_us != INT64_MIN)
        e = db_exec(op, tx, &sql_feature_push_expire, DB_ARGS(DB_I64(p->table->id), DB_I64(p->expire_us)), NULL);
    return e;
}

static enum err check_events(struct op *op, const struct feature_view *v, const struct feature_events *ev, int64_t *ret_newest)
{
    int64_t newest = INT64_MIN, latest = op->now_us + TIME_US_PER_DAY;
    if (!v->online)
        return op_fail(op, E_CONFLICT, "feature view '%.*s' is not online", STR_FMT(v->name));
    if (ev->n > LIMIT_FEATURE_PUSH_ROWS)
        return op_fail(op, E_TOO_LARGE, "a push holds at most %d events, this one %zu", LIMIT_FEATURE_PUSH_ROWS, ev->n);
    if (ev->n && v->id_field.len && !ev->ids)
        return op_fail_field(op, "id", "the events need the column '%.*s'", STR_FMT(v->id_field));
    for (size_t i = 0; i < ev->n; i++) {
        int64_t at = ev->available_at_us[i];
        if (ev->labels[i] > 1)
            return op_fail_field(op, "label", "event %zu: the label must be 0 or 1", i);
        if (at > latest || at < -(TIME_US_PER_DAY * 366 * 2000))
            return op_fail_field(op, "available_at", "event %zu: available_at lies in the future or before time began", i);
        newest = at > newest ? at : newest;
        for (size_t k = 0; k < v->key_len; k++) {
            if (ev->keys[k][i].len > LIMIT_FEATURE_KEY_BYTES)
                return op_fail_field(op, "keys", "event %zu: '%.*s' is longer than %d bytes", i, STR_FMT(v->keys[k]), LIMIT_FEATURE_KEY_BYTES);
        }
    }
    *ret_newest = newest;
    return OK;
}

/* Once per day of event time the stored pushes that no read needs are deleted. */
static int64_t expiry_due(struct feature_table *t)
{
    int64_t due = INT64_MIN;
    pthread_rwlock_wrlock(&t->lock);
    int64_t newest = window_index_newest(t->index);
    if (newest != INT64_MIN) {
        int64_t until = newest - t->view->ttl_us - FEATURE_SLACK_US;
        if (t->expired_us == INT64_MIN || until - t->expired_us > TIME_US_PER_DAY)
            due = t->expired_us = until;
    }
    pthread_rwlock_unlock(&t->lock);
    return due;
}

enum err feature_online_push(struct op *op, struct feature_online *f, struct feature_table *t, const struct feature_events *events,
                             struct feature_push_result *ret)
{
    struct push_write w = {.table = t, .n = events->n};
    enum err e = check_events(op, t->view, events, &w.newest_us);
    if (e)
        return e;
    struct feature_push_result result = {0};
    if (events->n) {
        struct buf packed;
        buf_init(&packed, PUSH_BYTES_MAX);
        push_pack(t->view, events, &packed);
        w.packed = buf_str(&packed);
        w.expire_us = expiry_due(t);
        e = packed.failed ? op_fail(op, E_TOO_LARGE, "a push has at most %zu bytes", PUSH_BYTES_MAX) : db_write(op, f->db, store_push, &w);
        buf_clear(&packed);
        if (!e)
            e = insert_events(op, t, events, &result);
        if (e)
            return e;
    } else {
        pthread_rwlock_rdlock(&t->lock);
        result.newest_us = window_index_newest(t->index);
        pthread_rwlock_unlock(&t->lock);
    }
    *ret = result;
    return OK;
}

/* ---- get ---- */

enum err feature_online_get(struct op *op, struct feature_table *t, const struct feature_row *row, float *out)
{
    struct feature_tally tallies[FEATURE_ENTITIES_MAX * FEATURE_WINDOWS_MAX];
    const struct feature_view *v = t->view;
    if (!v->online)
        return op_fail(op, E_CONFLICT, "feature view '%.*s' is not online", STR_FMT(v->name));
    pthread_rwlock_rdlock(&t->lock);
    int64_t newest = window_index_newest(t->index);
    bool kept = newest == INT64_MIN || row->t_us >= newest - FEATURE_SLACK_US;
    if (kept)
        window_index_read(t->index, row->keys, row->t_us, tallies);
    pthread_rwlock_unlock(&t->lock);
    if (!kept) {
        char asked[32], oldest[32];
        time_format(row->t_us, asked);
        time_format(newest - FEATURE_SLACK_US, oldest);
        return op_fail_field(op, op_printf(op, "%.*s", STR_FMT(v->timestamp_field)), "features as of %s are no longer kept; the oldest instant is %s", asked, oldest);
    }
    feature_view_fill(v, row->t_us, row->numbers, tallies, out);
    return OK;
}
