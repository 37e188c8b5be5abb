/* origin_db.h - the tables of an MLflow tracking server as an origin: a database of 2.8 or newer, SQLite or PostgreSQL,
 * read where it lies. The server may go on running: what it adds later is taken by the next import. */
#ifndef INGOT_ADAPTER_MLFLOW_ORIGIN_DB_H
#define INGOT_ADAPTER_MLFLOW_ORIGIN_DB_H

#include "port/db.h"
#include "port/origin.h"

struct mlflow_db_config {
    struct db *db;               /* opened without our migrations; taken: closed with the origin, or on failure */
    struct str artifact_folder;  /* what mlflow-artifacts:/ stands for there, or empty: such artifacts cannot be read */
    struct str working_folder;   /* relative locations start here */
    bool any_schema;             /* also a schema version that is not known */
};
/* E_UNSUPPORTED: no MLflow database, or a schema version that is not known. */
MUST_USE enum err mlflow_db_origin(struct op *op, const struct mlflow_db_config *config, struct origin *ret);

#endif
