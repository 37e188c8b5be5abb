/* pgvalue.h - values between the port's types and PostgreSQL's binary wire form.
 * Pure; what comes from the server is checked like any foreign bytes. */
#ifndef INGOT_ADAPTER_POSTGRES_PGVALUE_H
#define INGOT_ADAPTER_POSTGRES_PGVALUE_H

#include "port/db.h"

/* Type numbers of pg_type.dat that we meet. */
enum pgtype {
    PGTYPE_BOOL = 16,
    PGTYPE_BYTEA = 17,
    PGTYPE_NAME = 19,
    PGTYPE_INT8 = 20,
    PGTYPE_INT2 = 21,
    PGTYPE_INT4 = 23,
    PGTYPE_TEXT = 25,
    PGTYPE_OID = 26,
    PGTYPE_JSON = 114,
    PGTYPE_FLOAT4 = 700,
    PGTYPE_FLOAT8 = 701,
    PGTYPE_UNKNOWN = 705,
    PGTYPE_VARCHAR = 1043,
    PGTYPE_NUMERIC = 1700
};

#define PGVALUE_SCRATCH_BYTES 32
/* A parameter as libpq takes it. `p` NULL: SQL's NULL; else it points into `scratch` or to the caller's bytes. */
struct pgvalue_param {
    const char *p;
    int len, format;
    char scratch[PGVALUE_SCRATCH_BYTES];
};

/* `v` for a parameter of type `type`; `what` names the statement. E_INVALID: NaN, a NUL in a text, a number that the type cannot
 * hold. E_TOO_LARGE: above LIMIT_DB_VALUE_BYTES. E_INTERNAL: a type that does not fit. */
MUST_USE enum err pgvalue_encode(struct op *op, const char *what, const struct db_val *v, unsigned type, struct pgvalue_param *ret);

/* A column of a binary result. The view points into `p`. False: the bytes are not of that type. */
MUST_USE bool pgvalue_decode(unsigned type, const char *p, size_t len, struct db_val *ret);

#endif
