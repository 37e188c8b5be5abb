/* collect.h - which fields a selection set asks for, fragments followed and equal keys merged (specification 6.3.2).
 * Inside src/api/graphql. */
#ifndef INGOT_API_GRAPHQL_COLLECT_H
#define INGOT_API_GRAPHQL_COLLECT_H

#include "api/graphql/schema.h"

/* Selections of one field whose keys are the same, in the order of the document. */
struct gql_node {
    const struct gql_selection *selection;
    struct gql_node *next;
};
struct gql_wanted {
    struct str key;
    const struct gql_field *field; /* NULL: __typename */
    struct gql_node *nodes;
    struct gql_wanted *next;
};
struct gql_walk {
    struct op *op;
    const struct gql_document *document;
    unsigned visit;
};
/* The directives of something that is called `location` in texts; NULL: an operation, where @component may stand. */
MUST_USE enum err gql_directives_check(struct op *op, const struct gql_directive *d, const char *location);
/* All selections of a set, those in fragments included, in order; `fn` sees fields only. Each fragment is entered once. The spreads
 * that name no fragment are E_INVALID if `strict`, else skipped. `type` NULL: fragments' conditions are not looked at. */
typedef enum err (*gql_field_fn)(void *arg, const struct gql_selection *field);
MUST_USE enum err gql_walk_set(struct gql_walk *w, const struct gql_type *type, const struct gql_selection *first, bool strict, gql_field_fn fn, void *arg);
/* The fields of the sets of all `nodes` on an object of `type`. E_INVALID: what is not in the schema, or cannot be merged. */
MUST_USE enum err gql_collect(struct gql_walk *w, const struct gql_type *type, const struct gql_node *nodes, struct gql_wanted **ret);

#endif
