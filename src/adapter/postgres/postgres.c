/* postgres.c - the database object: its writer, and a pool of connections for reads.
 *
 * A read runs on the caller's thread on a borrowed connection. Its function runs once, so a dead connection must be found before: the
 * socket is looked at, and after a pause BEGIN makes a round trip of its own (otherwise it travels with the first statement). The one
 * used last is handed out first. */
#include "adapter/postgres/postgres.h"

#include <assert.h>
#include <stdlib.h>

#include "adapter/postgres/pgconn.h"
#include "adapter/postgres/pgmigrate.h"
#include "adapter/postgres/pgwriter.h"
#include "base/limits.h"
#include "base/thread.h"
#include "base/time.h"

#define TRUSTED_MS 1000 /* a connection used so recently is not asked again whether it lives */

struct postgres {
    struct db db; /* what callers hold */
    char *url;
    struct pgwriter *writer;
    struct mutex lock; /* guards the pool */
    struct cond freed;
    struct pgconn *idle[LIMIT_DB_POOL];
    int idle_count, open_count;
};

static const struct db_ops postgres_ops;

static enum err postgres_write(void *self, struct op *op, db_fn fn, void *arg)
{
    struct postgres *s = self;
    if (!s->writer)
        return op_fail(op, E_UNSUPPORTED, "another program's database is only read");
    return pgwriter_run(s->writer, op, fn, arg);
}

static void postgres_write_start(void *self, struct op *op, db_fn fn, void *arg, db_done_fn done, void *done_arg)
{
    struct postgres *s = self;
    if (!s->writer)
        done(done_arg, op_fail(op, E_UNSUPPORTED, "another program's database is only read"));
    else
        pgwriter_start(s->writer, op, fn, arg, done, done_arg);
}

/* Takes an idle connection or the right to open one (*ret NULL). */
static enum err reader_wait(struct postgres *s, struct op *op, struct pgconn **ret)
{
    int64_t until = op->deadline_ms ? op->deadline_ms : time_mono_ms() + LIMIT_DB_WAIT_MS;
    LOCK(&s->lock);
    while (!s->idle_count && s->open_count == LIMIT_DB_POOL) {
        int64_t left = until - time_mono_ms();
        if (left <= 0)
            return op_fail(op, op->deadline_ms ? E_TIMEOUT : E_BUSY, "no database connection became free in time");
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

/* `take_c` NULL or broken: the right to open one is given back. */
static void reader_return(struct postgres *s, struct pgconn *take_c)
{
    if (take_c && pgconn_wire(take_c)->lost) {
        pgconn_close(take_c);
        take_c = NULL;
    }
    LOCK(&s->lock);
    if (take_c)
        s->idle[s->idle_count++] = take_c;
    else
        s->open_count--;
    cond_signal(&s->freed);
}

/* A connection with a transaction begun, or about to be with its first statement. `*c` may be NULL before, and after a failure. */
static enum err reader_begin(struct postgres *s, struct op *op, struct pgconn **c)
{
    enum err e = OK;
    if (*c && pgconn_is_usable(*c)) {
        bool trusted = time_mono_ms() - pgconn_wire(*c)->used_ms < TRUSTED_MS;
        pgconn_read_begin(*c, op->deadline_ms);
        if (trusted || !pgwire_flush(op, pgconn_wire(*c)))
            return OK;
        op_clear(op);
    }
    pgconn_close(*c);
    *c = NULL;
    e = pgconn_open(op, s->url, PGCONN_READER, c);
    if (!e)
        pgconn_read_begin(*c, op->deadline_ms);
    return e;
}

static enum err postgres_read(void *self, struct op *op, db_fn fn, void *arg)
{
    struct postgres *s = self;
    struct pgconn *c = NULL;
    enum err e = op_check_deadline(op);
    if (e || (e = reader_wait(s, op, &c)))
        return e;
    e = reader_begin(s, op, &c);
    if (!e) {
        struct db_tx tx = {.ops = &postgres_ops, .impl = c, .writable = false};
        e = fn(op, &tx, arg);
        pgconn_read_end(c);
    }
    reader_return(s, c);
    return e;
}

static void postgres_close(void *self)
{
    struct postgres *s = self;
    assert(s->idle_count == s->open_count); /* a read is still running */
    while (s->idle_count)
        pgconn_close(s->idle[--s->idle_count]);
    pgwriter_destroy(s->writer);
    cond_clear(&s->freed);
    mutex_clear(&s->lock);
    free(s->url);
    free(s);
}

static const struct db_ops postgres_ops = {
    .name = "postgres",
    .write = postgres_write,
    .write_start = postgres_write_start,
    .read = postgres_read,
    .query = pgconn_query,
    .step = pgconn_step,
    .column = pgconn_column,
    .end = pgconn_end,
    .exec = pgconn_exec,
    .exec_later = pgconn_exec_later,
    .settle = pgconn_settle,
    .last_id = pgconn_last_id,
    .close = postgres_close,
};

bool postgres_is_url(struct str url)
{
    return str_starts(url, STR("postgresql://")) || str_starts(url, STR("postgres://"));
}

static enum err url_check(struct op *op, const char *url)
{
    char *text = NULL;
    PQconninfoOption *options = postgres_is_url(str_from(url)) ? PQconninfoParse(url, &text) : NULL;
    enum err e = OK;
    if (!options)
        e = op_fail(op, E_INVALID, "the database's URL must be postgresql://USER@HOST:PORT/DATABASE%s%.*s", text ? ": " : "",
                    STR_FMT(str_trim(str_from(text))));
    PQconninfoFree(options);
    PQfreemem(text);
    return e;
}

static struct postgres *object_create(const char *url)
{
    struct postgres *s = calloc(1, sizeof *s);
    if (!s || !(s->url = strdup(url)))
        abort();
    s->db = (struct db){.ops = &postgres_ops, .self = s};
    mutex_init(&s->lock);
    cond_init(&s->freed);
    return s;
}

enum err postgres_open_with(struct op *op, const char *url, const struct sql_migration *migrations, int count, struct db **ret)
{
    enum err e = url_check(op, url);
    if (e || (e = pgmigrate_apply(op, url, migrations, count)))
        return e;
    struct postgres *s = object_create(url);
    struct db_tx tx = {.ops = &postgres_ops, .writable = true};
    e = pgwriter_create(op, s->url, &tx, LIMIT_DB_QUEUE, &s->writer);
    if (e)
        postgres_close(s);
    else
        *ret = &s->db;
    return e;
}

enum err postgres_open_foreign(struct op *op, const char *url, struct db **ret)
{
    enum err e = url_check(op, url);
    const char *version = NULL;
    if (e || (e = postgres_probe(op, url, &version)))
        return e;
    *ret = &object_create(url)->db;
    return OK;
}

enum err postgres_open(struct op *op, const char *url, struct db **ret)
{
    return postgres_open_with(op, url, sql_postgres_migrations, sql_migration_count, ret);
}

enum err postgres_probe(struct op *op, const char *url, const char **ret_text)
{
    struct pgwire w;
    enum err e = url_check(op, url);
    if (e || (e = pgwire_open(op, url, true, &w)))
        return e;
    PGresult *res = NULL;
    e = pgwire_plain(op, &w, "SELECT current_setting('server_version'), current_setting('fsync'), current_setting('synchronous_commit')", &res);
    if (!e) {
        bool safe = !strcmp(PQgetvalue(res, 0, 1), "on");
        *ret_text = op_printf(op, "%s is PostgreSQL %s, synchronous_commit %s%s", pgwire_place(op, url), PQgetvalue(res, 0, 0),
                              PQgetvalue(res, 0, 2), safe ? "" : ", fsync OFF: a power cut can lose acknowledged writes");
        PQclear(res);
    }
    pgwire_close(&w);
    return e;
}

const char *postgres_place(struct op *op, const char *url)
{
    return pgwire_place(op, url);
}

bool postgres_is(const struct db *db)
{
    return db->ops == &postgres_ops;
}

void postgres_stats(struct db *db, struct postgres_stats *ret)
{
    assert(postgres_is(db));
    const struct postgres *s = db->self;
    pgwriter_stats(s->writer, ret);
}
