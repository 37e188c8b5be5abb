/* origin_fixture.h - a small MLflow database in a file of the test's own. The tables are those columns that are read. */
#ifndef INGOT_TESTS_ORIGIN_FIXTURE_H
#define INGOT_TESTS_ORIGIN_FIXTURE_H

#include <stdlib.h>
#include <unistd.h>

#include "adapter/mlflow/origin_db.h"
#include "unit/core/track/fixture.h"

#define ORIGIN_TABLES                                                                                                                        \
    "CREATE TABLE alembic_version (version_num);"                                                                                            \
    "CREATE TABLE experiments (experiment_id, name, artifact_location, lifecycle_stage, creation_time, last_update_time);"                   \
    "CREATE TABLE experiment_tags (experiment_id, key, value);"                                                                              \
    "CREATE TABLE runs (run_uuid, experiment_id, name, user_id, status, start_time, end_time, lifecycle_stage, deleted_time, artifact_uri);" \
    "CREATE TABLE params (run_uuid, key, value); CREATE TABLE tags (run_uuid, key, value);"                                                  \
    "CREATE TABLE latest_metrics (run_uuid, key, timestamp, step, value, is_nan);"                                                           \
    "CREATE TABLE metrics (run_uuid, key, timestamp, step, value, is_nan);"                                                                  \
    "CREATE TABLE inputs (input_uuid, source_type, source_id, destination_type, destination_id, step);"                                      \
    "CREATE TABLE datasets (dataset_uuid, experiment_id, name, digest, dataset_source_type, dataset_source, dataset_schema, dataset_profile);" \
    "CREATE TABLE input_tags (input_uuid, name, value);"                                                                                     \
    "CREATE TABLE logged_models (model_id, experiment_id, name, artifact_location, creation_timestamp_ms, last_updated_timestamp_ms, status," \
    " lifecycle_stage, model_type, source_run_id, status_message);"                                                                          \
    "CREATE TABLE logged_model_params (model_id, param_key, param_value); CREATE TABLE logged_model_tags (model_id, tag_key, tag_value);"    \
    "CREATE TABLE logged_model_metrics (model_id, metric_name, run_id, dataset_name, dataset_digest, metric_timestamp_ms, metric_step, metric_value);" \
    "CREATE TABLE registered_models (name, description, creation_time, last_updated_time); CREATE TABLE registered_model_tags (name, key, value);" \
    "CREATE TABLE registered_model_aliases (name, alias, version);"                                                                          \
    "CREATE TABLE model_versions (name, version, creation_time, last_updated_time, description, user_id, current_stage, source,"             \
    " storage_location, run_id, run_link); CREATE TABLE model_version_tags (name, version, key, value);"                                     \
    "CREATE TABLE trace_info (request_id);"

/* Run ids of 32 digits: r1 ends in 1, and so on. */
#define R1 "00000000000000000000000000000001"
#define R2 "00000000000000000000000000000002"
#define M1 "m-00000000000000000000000000000001"
#define ORIGIN_ROWS                                                                                                                       \
    "INSERT INTO alembic_version VALUES ('dc11669786a5');"                                                                                \
    "INSERT INTO experiments VALUES (0, 'Default', 'file:///x/0', 'active', 1, 2), (7, 'tuning', 'file:///x/7', 'deleted', 3, 4);"         \
    "INSERT INTO experiment_tags VALUES (7, 'team', 'a');"                                                                                \
    "INSERT INTO runs VALUES ('" R1 "', 7, 'one', 'u', 'FINISHED', 10, 20, 'active', NULL, 'file:///x/7/r1/artifacts'),"                   \
    " ('" R2 "', 0, NULL, 'u', 'RUNNING', 11, NULL, 'deleted', 99, 'file:///x/0/r2/artifacts');"                                          \
    "INSERT INTO params VALUES ('" R1 "', 'lr', '0.1'); INSERT INTO tags VALUES ('" R1 "', 'k', 'v'), ('" R2 "', 'mlflow.runName', 'two');" \
    "INSERT INTO metrics VALUES ('" R1 "', 'loss', 5, 1, 0.5, 0), ('" R1 "', 'loss', 6, 2, 0, 1), ('" R1 "', 'loss', 7, 0, -1.5, 0);"      \
    "INSERT INTO latest_metrics VALUES ('" R1 "', 'loss', 6, 2, 0, 1);"                                                                    \
    "INSERT INTO datasets VALUES ('d1', 7, 'data', 'abc', 'local', '{}', NULL, 'p');"                                                     \
    "INSERT INTO inputs VALUES ('i1', 'DATASET', 'd1', 'RUN', '" R1 "', 0), ('i2', 'RUN_OUTPUT', '" R1 "', 'MODEL_OUTPUT', '" M1 "', 4);"   \
    "INSERT INTO input_tags VALUES ('i1', 'mlflow.data.context', 'train');"                                                               \
    "INSERT INTO logged_models VALUES ('" M1 "', 7, 'net', 'file:///x/7/models/m1/artifacts', 5, 6, 2, 'active', 'agent', '" R1 "', NULL);" \
    "INSERT INTO logged_model_params VALUES ('" M1 "', 'depth', '3'); INSERT INTO logged_model_tags VALUES ('" M1 "', 't', '1');"          \
    "INSERT INTO logged_model_metrics VALUES ('" M1 "', 'acc', '" R1 "', 'data', 'abc', 9, 1, 0.75);"                                      \
    "INSERT INTO registered_models VALUES ('risk', 'who pays', 1, 2); INSERT INTO registered_model_tags VALUES ('risk', 't', '1');"       \
    "INSERT INTO registered_model_aliases VALUES ('risk', 'champion', 1);"                                                                \
    "INSERT INTO model_versions VALUES ('risk', 1, 1, 2, 'first', 'u', 'Staging', 'file:///x/7/r1/artifacts/model', NULL, '" R1 "', NULL),"  \
    " ('risk', 2, 1, 2, NULL, 'u', 'Deleted_Internal', 'x', NULL, 'y', NULL);"                                                            \
    "INSERT INTO model_version_tags VALUES ('risk', 1, 'k', 'v'); INSERT INTO trace_info VALUES ('t1');"

/* Writes the database, with `more` statements at its end, and opens it as an origin; `path` is the file's afterwards. */
static inline struct origin origin_fixture_open(struct op *op, const char *more, char path[64])
{
    memcpy(path, "/tmp/ingot-origin-XXXXXX", sizeof "/tmp/ingot-origin-XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    const struct sql_migration made = {1, "origin", op_printf(op, "%s%s%s", ORIGIN_TABLES, ORIGIN_ROWS, more)};
    struct db *db = NULL;
    struct origin origin = {0};
    assert_ok(op, sqlite_open_with(op, path, &made, 1, &db));
    db_close(db);
    assert_ok(op, sqlite_open_foreign(op, path, &db));
    struct mlflow_db_config config = {.db = db, .artifact_folder = STR(""), .working_folder = STR("/tmp")};
    assert_ok(op, mlflow_db_origin(op, &config, &origin));
    return origin;
}

static inline void origin_fixture_close(struct origin *origin, const char *path)
{
    origin_close(origin);
    unlink(path);
}

#endif
