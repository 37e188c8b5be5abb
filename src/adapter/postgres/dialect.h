/* dialect.h - the project's SQL, written in SQLite's words, in PostgreSQL's.
 * Works on tokens of our own statements and migrations (sql/README.md lists the common subset); what it cannot say is
 * written out under a `-- postgres:` line and passes through. Pure; the output is in the caller's buffer. */
#ifndef INGOT_ADAPTER_POSTGRES_DIALECT_H
#define INGOT_ADAPTER_POSTGRES_DIALECT_H

#include "base/buf.h"
#include "base/op.h"

#define DIALECT_NAME_BYTES 64 /* PostgreSQL cuts names at 63 */

struct dialect_statement {
    int param_count;                     /* the highest number of a parameter */
    bool writes;                         /* begins with INSERT, UPDATE, DELETE or a WITH that leads to one */
    char insert_into[DIALECT_NAME_BYTES]; /* the table of an INSERT ... VALUES without RETURNING, else "" */
};

/* One statement: `?` and `?N` become $N, type names theirs, X'00' a bytea. Appends to `out`. E_INTERNAL: a literal or a comment is
 * not ended. */
MUST_USE enum err dialect_statement(struct op *op, struct str text, struct buf *out, struct dialect_statement *ret);
/* A migration of one statement or more: identity columns, types, COLLATE "C" on texts, no STRICT and no WITHOUT ROWID. Between a line
 * `-- postgres:` and a line `-- both:` the text is PostgreSQL's own; from `-- sqlite:` on it is left out. */
MUST_USE enum err dialect_schema(struct op *op, struct str text, struct buf *out);

#endif
