/* execute.h - checks a document against the schema and answers it.
 * Nothing is executed before the whole document was checked. A failing check is E_INVALID (or E_TOO_LARGE) and its text is the
 * answer's only error; a field that fails while the document is answered becomes null and leaves its text in `errors`. */
#ifndef INGOT_API_GRAPHQL_EXECUTE_H
#define INGOT_API_GRAPHQL_EXECUTE_H

#include "api/graphql/schema.h"

struct gql_limits {
    int root_fields, aliases;
};
struct gql_request {
    struct gql_document *document;
    const struct json *variables; /* an object or NULL */
    struct str operation_name;    /* p NULL: the only one */
};
/* Counts what a document asks for, as MLflow does before it looks at anything else. */
MUST_USE enum err gql_limits_check(struct op *op, const struct gql_document *d, struct gql_limits limits);
/* Names, arguments, variables, fragments, directives of all operations. *ret is the one to execute. */
MUST_USE enum err gql_check(struct op *op, const struct gql_request *r, struct gql_operation **ret);
/* Writes the value of "data"; errors are appended to `errors`, which holds JSON texts separated by commas. */
MUST_USE enum err gql_execute(struct op *op, struct services *s, const struct gql_request *r, struct gql_operation *o, struct json_out *w, struct buf *errors);

#endif
