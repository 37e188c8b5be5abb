/* schema.h - the GraphQL types that are served: the subset of MLflow 3.17's schema that has data behind it here.
 * An object type is a view of one C struct: a field names a member by its offset, or a function that fetches more. The tables
 * are the single source for checking, answering and the type names in error texts. */
#ifndef INGOT_API_GRAPHQL_SCHEMA_H
#define INGOT_API_GRAPHQL_SCHEMA_H

#include "api/graphql/input.h"
#include "api/services.h"

enum gql_source {
    GQL_FROM_TEXT,   /* struct str at `at`; absent is "" as in a protobuf message */
    GQL_FROM_NULLABLE, /* the same, but null */
    GQL_FROM_LONG,   /* int64_t as LongString: a string of digits */
    GQL_FROM_ID,     /* int64_t as String */
    GQL_FROM_FLOAT,  /* double; NaN is null */
    GQL_FROM_FLAG,   /* bool as Boolean */
    GQL_FROM_CALL,   /* text by `text` */
    GQL_FROM_NOTHING, /* always null (objects), "" (texts) or [] (lists): MLflow has data here, we do not */
    GQL_FROM_SELF,   /* the same struct seen as another type */
    GQL_FROM_ITEMS,  /* array: pointer at `at`, size_t length at `len`, items of `size` bytes; type NULL: texts */
    GQL_FROM_LOAD,   /* `load` fetches it */
};
/* What a document may reach while it is answered. */
struct gql_context {
    struct op *op;
    struct services *services;
    struct experiment *experiment; /* the last one that was loaded: runs of a page mostly share it */
};
struct gql_type;
struct gql_field {
    const char *name;
    enum gql_source source;
    const struct gql_type *type; /* of objects; NULL: a scalar */
    const char *scalar;          /* "String" unless the source says otherwise */
    bool list;
    size_t at, len, size;
    const char *(*text)(const void *object);
    /* An object, or the items of a list (*ret_len). `input` has the field's argument; NULL is not passed. A failure
     * makes the field null and its text an error of the answer. */
    enum err (*load)(struct gql_context *x, const void *object, const struct gql_input *input, const void **ret, size_t *ret_len);
    const struct gql_input_type *input; /* of the argument `argument`; NULL: takes none */
    const char *argument;
};
struct gql_type {
    const char *name;
    const struct gql_field *fields;
    size_t len;
};

extern const struct gql_type gql_query, gql_mutation;
/* By name, for fragments' conditions; NULL: unknown. */
const struct gql_type *gql_type_find(struct str name);
const struct gql_field *gql_field_find(const struct gql_type *t, struct str name);
/* "[MlflowRunTag!]", "LongString". */
const char *gql_field_type_name(struct op *op, const struct gql_field *f);

#endif
