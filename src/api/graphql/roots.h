/* roots.h - where the fields that are not members come from: one core call each (inside src/api/graphql). */
#ifndef INGOT_API_GRAPHQL_ROOTS_H
#define INGOT_API_GRAPHQL_ROOTS_H

#include "api/graphql/schema.h"
#include "core/registry/model.h"
#include "core/track/artifact.h"
#include "core/track/dataset_search.h"
#include "core/track/experiment.h"
#include "core/track/run_search.h"

struct gql_metrics {
    struct track_metric *p;
    size_t len;
};
struct gql_artifacts {
    struct str root_uri;
    struct artifact_list list;
};
struct gql_datasets {
    struct dataset_summary *p;
    size_t len;
};
struct gql_test {
    struct str text; /* p NULL: null */
};

#define GQL_LOADER(name) \
    enum err name(struct gql_context *x, const void *object, const struct gql_input *in, const void **ret, size_t *ret_len)
GQL_LOADER(gql_load_experiment);
GQL_LOADER(gql_load_run);
GQL_LOADER(gql_load_runs);
GQL_LOADER(gql_load_versions);
GQL_LOADER(gql_load_artifacts);
GQL_LOADER(gql_load_interval);
GQL_LOADER(gql_load_datasets);
GQL_LOADER(gql_load_test);
GQL_LOADER(gql_load_experiment_of_run);
GQL_LOADER(gql_load_versions_of_run);

#endif
