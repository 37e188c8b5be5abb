/* sqlite.c - the database object: its writer, and a pool of read-only connections that callers borrow.
 *
 * A read runs on the caller's thread: it borrows a connection, begins a deferred transaction (its first statement
 * fixes the snapshot), and ends it. Connections are opened when they are first needed and kept. The one used
 * last is handed out first, as its page cache is warm. */
#include "adapter/sqlite/sqlite.h"

#include <assert.h>
#include <stdlib.h>

#include "adapter/sqlite/dbconn.h"
#include "adapter/sqlite/migrate.h"
#include "adapter/sqlite/dbwriter.h"
#include "base/limits.h"
#include "base/time.h"

struct sqlite {
    struct db db; /* what callers hold */
    char *path;
    bool memory;
    struct dbconn *writer_conn;
    struct dbwriter *writer;
    struct mutex turn; /* memory databases: reads and writes share one connection */
    struct mutex lock; /* guards the pool */
    struct cond freed;
    struct dbconn *idle[LIMIT_DB_READERS];
    int idle_count, open_count;
};

static const struct db_ops sqlite_ops;

static enum err sqlite_write(void *self, struct op *op, db_fn fn, void *arg)
{
    struct sqlite *s = self;
    if (!s->writer)
        return op_fail(op, E_UNSUPPORTED, "another program's database is only read");
    return dbwriter_run(s->writer, op, fn, arg);
}

static void sqlite_write_start(void *self, struct op *op, db_fn fn, void *arg, db_done_fn done, void *done_arg)
{
    struct sqlite *s = self;
    if (!s->writer)
        done(done_arg, op_fail(op, E_UNSUPPORTED, "another program's database is only read"));
    else
        dbwriter_start(s->writer, op, fn, arg, done, done_arg);
}

/* Takes an idle connection or the right to open one (*ret NULL). */
static enum err reader_wait(struct sqlite *s, struct op *op, struct dbconn **ret)
{
    int64_t until = op->deadline_ms ? op->deadline_ms : time_mono_ms() + LIMIT_DB_WAIT_MS;
    LOCK(&s->lock);
    while (!s->idle_count && s->open_count == LIMIT_DB_READERS) {
        int64_t left = until - time_mono_ms();
        if (left <= 0)
            return op_fail(op, op->deadline_ms ? E_TIMEOUT : E_BUSY,
                           "no database connection became free in time");
        (void)cond_wait_ms(&s->freed, &s->lock, left);
    }
    if (s->idle_count) {
        *ret = s->idle[--s->idle_count];
    } else {
        s->open_count++;
        *ret = NULL;
    }
    return OK;
}

/* `take_c` NULL: the right to open one is given back. */
static void reader_return(struct sqlite *s, struct dbconn *take_c)
{
    LOCK(&s->lock);
    if (take_c)
        s->idle[s->idle_count++] = take_c;
    else
        s->open_count--;
    cond_signal(&s->freed);
}

static enum err read_on(struct sqlite *s, struct dbconn *c, struct op *op, db_fn fn, void *arg)
{
    struct db_tx tx = {.ops = &sqlite_ops, .impl = c, .writable = false};
    enum err e = op_check_deadline(op);
    if (e)
        return e;
    dbconn_set_deadline(c, op->deadline_ms);
    int rc = dbconn_run(c, DBCONN_BEGIN);
    e = rc ? dbconn_fail(op, c, rc, "begin") : fn(op, &tx, arg);
    dbconn_end_rows(c, NULL);
    dbconn_set_deadline(c, 0);
    if (!sqlite3_get_autocommit(dbconn_handle(c)) && dbconn_run(c, DBCONN_ROLLBACK) != SQLITE_OK && !e)
        e = op_fail(op, E_IO, "database '%s': a read could not be ended", s->path);
    return e;
}

static enum err sqlite_read(void *self, struct op *op, db_fn fn, void *arg)
{
    struct sqlite *s = self;
    if (s->memory) {
        LOCK(&s->turn);
        return read_on(s, s->writer_conn, op, fn, arg);
    }
    struct dbconn *c = NULL;
    enum err e = reader_wait(s, op, &c);
    if (e)
        return e;
    if (!c)
        e = dbconn_open(op, s->path, DBCONN_READER, &c);
    if (!e)
        e = read_on(s, c, op, fn, arg);
    /* A connection whose transaction would not end is of no use to the next caller. */
    if (c && !sqlite3_get_autocommit(dbconn_handle(c))) {
        dbconn_close(c);
        c = NULL;
    }
    reader_return(s, c);
    return e;
}

static void sqlite_close(void *self)
{
    struct sqlite *s = self;
    assert(s->idle_count == s->open_count); /* a read is still running */
    while (s->idle_count)
        dbconn_close(s->idle[--s->idle_count]);
    dbwriter_destroy(s->writer);
    dbconn_close(s->writer_conn);
    cond_clear(&s->freed);
    mutex_clear(&s->lock);
    mutex_clear(&s->turn);
    free(s->path);
    free(s);
}

static const struct db_ops sqlite_ops = {
    .name = "sqlite",
    .write = sqlite_write,
    .write_start = sqlite_write_start,
    .read = sqlite_read,
    .query = dbconn_query,
    .step = dbconn_step,
    .column = dbconn_column,
    .end = dbconn_end,
    .exec = dbconn_exec,
    .last_id = dbconn_last_id,
    .close = sqlite_close,
};

static struct sqlite *object_create(const char *path)
{
    struct sqlite *s = calloc(1, sizeof *s);
    if (!s || !(s->path = strdup(path)))
        abort();
    s->db = (struct db){.ops = &sqlite_ops, .self = s};
    mutex_init(&s->turn);
    mutex_init(&s->lock);
    cond_init(&s->freed);
    return s;
}

enum err sqlite_open_foreign(struct op *op, const char *path, struct db **ret)
{
    struct dbconn *c = NULL;
    enum err e = dbconn_open(op, path, DBCONN_READER, &c);
    if (e)
        return e;
    struct sqlite *s = object_create(path);
    s->idle[s->idle_count++] = c;
    s->open_count = 1;
    *ret = &s->db;
    return OK;
}

enum err sqlite_open_with(struct op *op, const char *path, const struct sql_migration *migrations, int count,
                          struct db **ret)
{
    struct dbconn *c = NULL;
    enum err e = dbconn_open(op, path, DBCONN_WRITER, &c);
    if (e)
        return e;
    e = migrate_apply(op, c, migrations, count);
    if (e) {
        dbconn_close(c);
        return op_context(op, "database '%s'", path);
    }
    struct sqlite *s = object_create(path);
    s->memory = !strcmp(path, ":memory:");
    s->writer_conn = c;
    struct db_tx tx = {.ops = &sqlite_ops, .impl = c, .writable = true};
    s->writer = dbwriter_create(c, &tx, s->memory ? &s->turn : NULL, LIMIT_DB_QUEUE);
    *ret = &s->db;
    return OK;
}

enum err sqlite_open(struct op *op, const char *path, struct db **ret)
{
    return sqlite_open_with(op, path, sql_migrations, sql_migration_count, ret);
}

void sqlite_stats(struct db *db, struct sqlite_stats *ret)
{
    assert(db->ops == &sqlite_ops);
    const struct sqlite *s = db->self;
    dbwriter_stats(s->writer, ret);
}
