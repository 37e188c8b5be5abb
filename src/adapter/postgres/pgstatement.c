/* pgstatement.c - see pgstatement.h. Parse and Describe go out together, and the server says which types the parameters have; pgvalue.c encodes
 * by them.
 *
 * The server has no "last row id", but INSERT ... RETURNING. Tables that number their rows have one identity column (that is what dialect.c makes
 * of INTEGER PRIMARY KEY); their names are read from the catalogue when a writer connects, and RETURNING is put behind every
 * INSERT ... VALUES into one of them. */
#include "adapter/postgres/pgstatement.h"

#include <stdio.h>
#include <stdlib.h>

#include "adapter/postgres/dialect.h"
#include "sql_gen.h"

#define STATEMENT_BYTES LIMIT_KIB(64)
#define LIST_GROWTH 64

/* A table that numbers its rows. */
struct pgstatement_identity {
    char table[DIALECT_NAME_BYTES], column[DIALECT_NAME_BYTES];
};

enum err pgstatements_read_schema(struct op *op, struct pgstatements *s, struct pgwire *w)
{
    static const char tables[] = "SELECT c.relname, a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid "
                                 "WHERE c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema()) "
                                 "AND c.relkind IN ('r', 'p') AND a.attidentity <> '' AND NOT a.attisdropped";
    PGresult *res = NULL;
    enum err e = pgwire_plain(op, w, tables, &res);
    if (e)
        return e;
    s->identity_count = PQntuples(res);
    s->identities = calloc((size_t)s->identity_count + 1, sizeof *s->identities);
    if (!s->identities)
        abort();
    for (int i = 0; i < s->identity_count; i++) {
        snprintf(s->identities[i].table, DIALECT_NAME_BYTES, "%s", PQgetvalue(res, i, 0));
        snprintf(s->identities[i].column, DIALECT_NAME_BYTES, "%s", PQgetvalue(res, i, 1));
    }
    PQclear(res);
    return OK;
}

void pgstatements_clear(struct pgstatements *s)
{
    for (int i = 0; i < s->list_len; i++)
        free(s->list[i]);
    free(s->list);
    free(s->identities);
    *s = (struct pgstatements){0};
}

static bool has_id(const struct sql *sql)
{
    return sql->id >= 0 && sql->id < LIMIT_DB_STATEMENTS;
}

struct pgstatement *pgstatement_find(const struct pgstatements *s, const struct sql *sql)
{
    struct pgstatement *found = has_id(sql) && sql->id < s->list_len ? s->list[sql->id] : NULL;
    return found && found->sql == sql ? found : NULL;
}

/* The place of `sql` in the list, made if need be. */
static struct pgstatement *place_for(struct pgstatements *s, const struct sql *sql)
{
    if (!has_id(sql))
        return &s->once;
    if (sql->id >= s->list_len) {
        int count = sql->id + LIST_GROWTH;
        struct pgstatement **grown = realloc(s->list, (size_t)count * sizeof(*grown));
        if (!grown)
            return &s->once;
        memset(grown + s->list_len, 0, (size_t)(count - s->list_len) * sizeof(*grown));
        s->list = grown;
        s->list_len = count;
    }
    if (!s->list[sql->id])
        s->list[sql->id] = calloc(1, sizeof(struct pgstatement));
    return s->list[sql->id] ? s->list[sql->id] : &s->once;
}

/* The text of `sql` in PostgreSQL's words. */
static enum err text_make(struct op *op, const struct pgstatements *s, const struct sql *sql, struct buf *out, struct dialect_statement *ret)
{
    const char *text = sql->text;
    if (sql->id >= 0 && sql->id < SQL_STATEMENT_COUNT && sql_statements[sql->id] == sql && sql_postgres_texts[sql->id])
        text = sql_postgres_texts[sql->id];
    enum err e = dialect_statement(op, str_from(text), out, ret);
    if (e)
        return op_context(op, "%s", sql->name);
    for (int i = 0; i < s->identity_count; i++)
        if (!strcmp(s->identities[i].table, ret->insert_into))
            buf_addf(out, "\nRETURNING \"%s\"", s->identities[i].column);
    return OK;
}

/* Takes the answers to Parse and Describe; both are statements to the wire. */
static enum err answers_take(struct op *op, struct pgwire *w, const struct sql *sql, struct pgstatement *st)
{
    enum err e = OK, failure = OK;
    PGresult *res = NULL;
    for (int i = 0; !e && i < 2; i++) {
        while (!(e = pgwire_take(op, w, sql->name, &res)) && res) {
            if (PQresultStatus(res) == PGRES_FATAL_ERROR) {
                if (!failure)
                    failure = pgwire_fail(op, w, res, sql->name);
            } else if (i == 1 && PQresultStatus(res) == PGRES_COMMAND_OK) {
                st->param_count = PQnparams(res);
                for (int k = 0; k < st->param_count && k < LIMIT_DB_PARAMS; k++)
                    st->types[k] = PQparamtype(res, k);
            }
            PQclear(res);
            if (w->lost)
                return failure;
        }
        if (!e)
            pgwire_note_taken(w);
    }
    if (!e)
        e = pgwire_settle(op, w, false);
    return failure ? failure : e;
}

static enum err send_and_take(struct op *op, struct pgwire *w, const struct sql *sql, const char *text, struct pgstatement *st)
{
    enum err e = pgwire_send_pending(op, w);
    if (e)
        return e;
    if (!PQsendPrepare(w->pg, st->name, text, 0, NULL) || !PQsendDescribePrepared(w->pg, st->name)) {
        w->lost = true;
        return op_fail(op, E_IO, "%s: %s", sql->name, PQerrorMessage(w->pg));
    }
    pgwire_note_sent(w, PGWIRE_SENT_STATEMENT);
    pgwire_note_sent(w, PGWIRE_SENT_STATEMENT);
    e = pgwire_sync(op, w);
    if (e)
        return e;
    e = pgwire_settle(op, w, true);
    if (w->lost)
        return e;
    enum err answer = answers_take(op, w, sql, st);
    return e ? e : answer;
}

enum err pgstatement_prepare(struct op *op, struct pgstatements *s, struct pgwire *w, const struct sql *sql, struct pgstatement **ret)
{
    AUTO(buf) struct buf text;
    struct dialect_statement info;
    buf_init(&text, STATEMENT_BYTES);
    enum err e = text_make(op, s, sql, &text, &info);
    if (e)
        return e;
    if (text.failed || info.param_count > LIMIT_DB_PARAMS)
        return op_fail(op, E_INTERNAL, "%s: a statement of %zu bytes with %d parameters", sql->name, text.len, info.param_count);
    struct pgstatement *st = place_for(s, sql);
    *st = (struct pgstatement){.writes = info.writes};
    if (st != &s->once)
        snprintf(st->name, sizeof st->name, "s%u", ++s->prepared);
    e = send_and_take(op, w, sql, text.p, st);
    if (e)
        return e;
    st->sql = sql;
    *ret = st;
    return OK;
}
