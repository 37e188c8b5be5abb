/* input.h - arguments of fields: literals and variables checked against input types and put into one struct.
 * The texts of failures are those of graphql-core, MLflow's library, for one failure at a time. */
#ifndef INGOT_API_GRAPHQL_INPUT_H
#define INGOT_API_GRAPHQL_INPUT_H

#include "api/graphql/document.h"
#include "base/json.h"

struct gql_texts {
    struct str *p;
    size_t len;
};
#define GQL_ABSENT INT64_MIN
/* All members of all input types: what a field does not take stays at its default. */
struct gql_input {
    struct str run_id, run_uuid, experiment_id, filter, page_token, metric_key, path;
    struct str text;         /* test's inputString; p NULL: null */
    struct gql_texts run_ids, experiment_ids, order_by;
    int64_t max_results, start_step, end_step; /* GQL_ABSENT */
    int64_t view;            /* enum track_view; 0: absent */
    bool given;              /* the argument is there and not null */
};
enum gql_input_kind { GQL_IN_TEXT, GQL_IN_TEXTS, GQL_IN_LONG, GQL_IN_INT, GQL_IN_VIEW };
struct gql_input_field {
    const char *name;
    enum gql_input_kind kind;
    size_t at; /* in struct gql_input */
};
struct gql_input_type {
    const char *name;     /* "MlflowGetRunInput"; "String": the argument is one text */
    const struct gql_input_field *fields;
    size_t len;
};
/* NULL when no input type has this name. */
bool gql_input_type_known(struct str name);
extern const struct gql_input_type gql_input_text, gql_input_get_run, gql_input_get_experiment, gql_input_list_artifacts, gql_input_search_runs,
    gql_input_search_versions, gql_input_search_datasets, gql_input_interval;

/* Checks the request's variables against the operation's declarations: types known, required ones there. `given`: the request's
 * object or NULL. */
MUST_USE enum err gql_variables_check(struct op *op, const struct gql_operation *o, const struct json *given);
/* The argument of a field. Marks the variables it uses. */
MUST_USE enum err gql_input_read(struct op *op, struct gql_operation *o, const struct json *variables, const struct gql_input_type *type, const struct gql_value *v, struct gql_input *ret);

#endif
