/* document.h - the text of a GraphQL document as a tree (GraphQL specification, October 2021, section 2).
 * Only what can be executed: operations and fragments; type definitions are refused. The tree lives in op's arena and
 * borrows the text. All failures are E_INVALID with a "Syntax Error: ..." text, E_TOO_LARGE above LIMIT_GRAPHQL_*. */
#ifndef INGOT_API_GRAPHQL_DOCUMENT_H
#define INGOT_API_GRAPHQL_DOCUMENT_H

#include "base/op.h"

enum gql_value_kind { GQL_VARIABLE, GQL_INT, GQL_FLOAT, GQL_STRING, GQL_BOOLEAN, GQL_NULL, GQL_ENUM, GQL_LIST, GQL_OBJECT };
struct gql_value {
    enum gql_value_kind kind;
    struct str name;   /* of an object's member */
    struct str text;   /* a variable's or enum's name, a number's or boolean's text, a string's characters */
    struct str source; /* as it stands in the document */
    struct gql_value *first, *next; /* first of a list's or object's members; next of the same list */
};
struct gql_argument {
    struct str name;
    struct gql_value value;
    struct gql_argument *next;
};
struct gql_directive {
    struct str name;
    struct gql_argument *arguments;
    struct gql_directive *next;
};
enum gql_selection_kind { GQL_FIELD, GQL_SPREAD, GQL_INLINE };
struct gql_selection {
    enum gql_selection_kind kind;
    struct str name;   /* of a field or a fragment */
    struct str alias;  /* empty: none */
    struct str type;   /* an inline fragment's condition; empty: none */
    struct gql_argument *arguments;
    struct gql_directive *directives;
    bool has_set;
    struct gql_selection *first, *next; /* first of its own set */
};
struct gql_variable {
    struct str name;
    struct str type;   /* "[String!]!" without blanks */
    struct gql_value *dflt; /* NULL: none */
    struct gql_directive *directives;
    bool used;         /* for the check */
    struct gql_variable *next;
};
enum gql_operation_kind { GQL_QUERY, GQL_MUTATION, GQL_SUBSCRIPTION };
struct gql_operation {
    enum gql_operation_kind kind;
    struct str name;   /* empty: none */
    struct gql_variable *variables;
    struct gql_directive *directives;
    struct gql_selection *first;
    struct gql_operation *next;
};
struct gql_fragment {
    struct str name, type;
    struct gql_directive *directives;
    struct gql_selection *first;
    bool used;         /* for the check */
    unsigned visit;    /* the walk that met it last */
    const struct gql_fragment *via; /* for the check: the one that spread it */
    struct gql_fragment *next;
};
struct gql_document {
    struct gql_operation *operations;
    struct gql_fragment *fragments;
};

MUST_USE enum err gql_document_parse(struct op *op, struct str text, struct gql_document **ret);
struct gql_fragment *gql_fragment_find(const struct gql_document *d, struct str name);
struct gql_variable *gql_variable_find(const struct gql_operation *o, struct str name);

#endif
