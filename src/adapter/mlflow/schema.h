/* schema.h - the schema versions of MLflow's tracking database that can be read, by the revision ids that its
 * `alembic_version` table holds, in their order (the migrations of mlflow 3.17.2). */
#ifndef INGOT_ADAPTER_MLFLOW_SCHEMA_H
#define INGOT_ADAPTER_MLFLOW_SCHEMA_H

#include "base/op.h"

struct mlflow_schema {
    bool logged_models; /* 3.0: has logged models, and the step of a run's inputs */
    bool traces;        /* 2.14 */
};

/* E_UNSUPPORTED: older than 2.8, or not known; with `any` an unknown one is taken for the newest. */
MUST_USE enum err mlflow_schema_of(struct op *op, struct str revision, bool any, struct mlflow_schema *ret);

#endif
