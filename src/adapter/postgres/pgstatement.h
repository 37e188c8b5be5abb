/* pgstatement.h - the statements that a connection has prepared: each is translated and sent to the server when it first runs, and found again by
 * the dense id of its `struct sql`. All zero is an empty list; pgstatements_clear() frees what it holds. Used by one thread at a time. */
#ifndef INGOT_ADAPTER_POSTGRES_PGSTATEMENT_H
#define INGOT_ADAPTER_POSTGRES_PGSTATEMENT_H

#include "adapter/postgres/pgwire.h"
#include "base/limits.h"
#include "port/db.h"

struct pgstatement {
    const struct sql *sql;
    char name[16]; /* on the server; "" for one that is not kept */
    bool writes;
    int param_count;
    unsigned types[LIMIT_DB_PARAMS];
};

struct pgstatement_identity;

struct pgstatements {
    struct pgstatement **list; /* by sql->id */
    int list_len;
    struct pgstatement once; /* for a statement without an id */
    unsigned prepared;       /* gives each its name */
    struct pgstatement_identity *identities;
    int identity_count;
};

/* Reads which tables number their rows: INSERT ... VALUES into one of them returns the number from then on. Before pgwire_start(), on a schema
 * that is there. */
MUST_USE enum err pgstatements_read_schema(struct op *op, struct pgstatements *s, struct pgwire *w);
void pgstatements_clear(struct pgstatements *s);

/* NULL: it is to be prepared. What is found lives as long as `s`. */
struct pgstatement *pgstatement_find(const struct pgstatements *s, const struct sql *sql);
/* Prepares it behind what is pushed, and waits; the answers to all that was sent before must have been taken. A statement without an id
 * stands until the next one. E_INTERNAL: not ended, too long, too many parameters, or the server does not understand it; E_IO. */
MUST_USE enum err pgstatement_prepare(struct op *op, struct pgstatements *s, struct pgwire *w, const struct sql *sql, struct pgstatement **ret);

#endif
