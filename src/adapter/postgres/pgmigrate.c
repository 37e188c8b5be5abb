/* pgmigrate.c - see pgmigrate.h. Runs before there is a pipeline, a writer or a reader, with libpq's plain calls. */
#include "adapter/postgres/pgmigrate.h"

#include <inttypes.h>
#include <stdlib.h>

#include "adapter/postgres/dialect.h"
#include "adapter/postgres/pgwire.h"
#include "base/limits.h"

#define FORGET_SERVERS_AFTER "30 days"

/* The key 0 is no schema's: pgconn.c has those of the writers. */
static const char lock_text[] = "BEGIN; SELECT pg_advisory_xact_lock(1231972207, 0)";

static const char tables_text[] =
    "CREATE TABLE IF NOT EXISTS schema_version (number BIGINT PRIMARY KEY, name TEXT NOT NULL, applied_us BIGINT NOT NULL);"
    "CREATE TABLE IF NOT EXISTS db_writer (server TEXT PRIMARY KEY, number BIGINT NOT NULL, seen TIMESTAMPTZ NOT NULL);"
    "DELETE FROM db_writer WHERE seen < now() - interval '" FORGET_SERVERS_AFTER "'";

static const struct sql_migration *find(const struct sql_migration *migrations, int count, const char *number)
{
    int64_t n = 0;
    if (!str_parse_i64(str_from(number), &n))
        return NULL;
    for (int i = 0; i < count; i++)
        if (migrations[i].number == n)
            return &migrations[i];
    return NULL;
}

/* Marks in `applied` what the schema has already. */
static enum err read_applied(struct op *op, struct pgwire *w, const struct sql_migration *migrations, int count, bool *applied)
{
    PGresult *rows = NULL;
    enum err e = pgwire_plain(op, w, "SELECT number, name FROM schema_version ORDER BY number", &rows);
    for (int i = 0; !e && i < PQntuples(rows); i++) {
        const struct sql_migration *m = find(migrations, count, PQgetvalue(rows, i, 0));
        if (m)
            applied[m - migrations] = true;
        else
            e = op_fail(op, E_CONFLICT, "the database was written by a newer version of this program (it has migration %s, '%s')",
                        PQgetvalue(rows, i, 0), PQgetvalue(rows, i, 1));
    }
    PQclear(rows);
    return e;
}

static enum err apply(struct op *op, struct pgwire *w, const struct sql_migration *m)
{
    AUTO(buf) struct buf text;
    buf_init(&text, LIMIT_MIB(1));
    enum err e = dialect_schema(op, str_from(m->text), &text);
    if (!e && text.len)
        e = pgwire_plain(op, w, text.p, NULL);
    if (!e)
        e = pgwire_plain(op, w,
                         op_printf(op, "INSERT INTO schema_version (number, name, applied_us) VALUES (%d, '%s', %" PRId64 ")", m->number,
                                   m->name, op->now_us),
                         NULL);
    return e ? op_context(op, "migration %d (%s)", m->number, m->name) : OK;
}

/* In one transaction under the lock: the tables, and the first migration that is missing. `*ret_more`: there was one. */
static enum err step(struct op *op, struct pgwire *w, const struct sql_migration *migrations, int count, bool *ret_more)
{
    bool *applied = arena_alloc(op->arena, (size_t)count + 1);
    int next = 0;
    enum err e = pgwire_plain(op, w, lock_text, NULL);
    if (!e)
        e = pgwire_plain(op, w, tables_text, NULL);
    if (!e)
        e = read_applied(op, w, migrations, count, applied);
    while (!e && next < count && applied[next])
        next++;
    *ret_more = !e && next < count;
    if (*ret_more)
        e = apply(op, w, &migrations[next]);
    if (!e)
        return pgwire_plain(op, w, "COMMIT", NULL);
    PQclear(PQexec(w->pg, "ROLLBACK"));
    return e;
}

enum err pgmigrate_apply(struct op *op, const char *url, const struct sql_migration *migrations, int count)
{
    struct pgwire w;
    enum err e = pgwire_open(op, url, true, &w);
    if (e)
        return e;
    for (bool more = true; !e && more;)
        e = step(op, &w, migrations, count, &more);
    pgwire_close(&w);
    return e ? op_context(op, "database %s", pgwire_place(op, url)) : OK;
}
