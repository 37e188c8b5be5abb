-- Reads the tables that MLflow's own server keeps, in SQLite or PostgreSQL. Booleans there are numbers in one and
-- booleans in the other, hence the CASEs. These statements prepare on such a database only, not on ours.
-- name: mlflow_origin_head
SELECT version_num FROM alembic_version
-- name: mlflow_origin_experiments
SELECT experiment_id, name, artifact_location, lifecycle_stage, creation_time, last_update_time FROM experiments
WHERE experiment_id > ?1 ORDER BY experiment_id LIMIT ?2
-- name: mlflow_origin_experiment_tags
SELECT key, value FROM experiment_tags WHERE experiment_id = ?1 ORDER BY key
-- name: mlflow_origin_runs
SELECT run_uuid, experiment_id, name, user_id, status, start_time, end_time, lifecycle_stage, deleted_time, artifact_uri
FROM runs WHERE run_uuid > ?1 ORDER BY run_uuid LIMIT ?2
-- name: mlflow_origin_params
SELECT key, value FROM params WHERE run_uuid = ?1 ORDER BY key
-- name: mlflow_origin_tags
SELECT key, value FROM tags WHERE run_uuid = ?1 ORDER BY key
-- name: mlflow_origin_latest
SELECT key, timestamp, step, value, CASE WHEN is_nan THEN 1 ELSE 0 END FROM latest_metrics WHERE run_uuid = ?1
-- name: mlflow_origin_points
-- In whatever order the index on runs gives: sorting the points of a long run would cost more than reading them.
SELECT key, timestamp, step, value, CASE WHEN is_nan THEN 1 ELSE 0 END FROM metrics WHERE run_uuid = ?1
-- name: mlflow_origin_point_count
SELECT count(*) FROM metrics WHERE run_uuid = ?1
-- name: mlflow_origin_datasets
SELECT i.input_uuid, d.name, d.digest, d.dataset_source_type, d.dataset_source, d.dataset_schema, d.dataset_profile
FROM inputs i JOIN datasets d ON d.dataset_uuid = i.source_id
WHERE i.destination_type = 'RUN' AND i.destination_id = ?1 AND i.source_type = 'DATASET' ORDER BY d.name, d.digest
-- name: mlflow_origin_input_tags
SELECT name, value FROM input_tags WHERE input_uuid = ?1 ORDER BY name
-- name: mlflow_origin_model_uses
SELECT destination_id, step FROM inputs
WHERE source_type = ?1 AND source_id = ?2 AND destination_type = ?3 ORDER BY destination_id
-- name: mlflow_origin_logged_models
SELECT model_id, experiment_id, name, artifact_location, creation_timestamp_ms, last_updated_timestamp_ms, status,
       lifecycle_stage, model_type, source_run_id, status_message
FROM logged_models WHERE model_id > ?1 ORDER BY model_id LIMIT ?2
-- name: mlflow_origin_logged_model_params
SELECT param_key, param_value FROM logged_model_params WHERE model_id = ?1 ORDER BY param_key
-- name: mlflow_origin_logged_model_tags
SELECT tag_key, tag_value FROM logged_model_tags WHERE model_id = ?1 ORDER BY tag_key
-- name: mlflow_origin_logged_model_metrics
SELECT metric_name, run_id, dataset_name, dataset_digest, metric_timestamp_ms, metric_step, metric_value
FROM logged_model_metrics WHERE model_id = ?1
-- name: mlflow_origin_models
SELECT name, description, creation_time, last_updated_time FROM registered_models WHERE name > ?1 ORDER BY name LIMIT ?2
-- name: mlflow_origin_model_tags
SELECT key, value FROM registered_model_tags WHERE name = ?1 ORDER BY key
-- name: mlflow_origin_aliases
SELECT alias, version FROM registered_model_aliases WHERE name = ?1 ORDER BY alias
-- name: mlflow_origin_versions
SELECT name, version, creation_time, last_updated_time, description, user_id, current_stage, source, storage_location,
       run_id, run_link
FROM model_versions WHERE (name, version) > (?1, ?2) ORDER BY name, version LIMIT ?3
-- name: mlflow_origin_version_tags
SELECT key, value FROM model_version_tags WHERE name = ?1 AND version = ?2 ORDER BY key
-- name: mlflow_origin_counts
SELECT (SELECT count(*) FROM experiments), (SELECT count(*) FROM runs), (SELECT count(*) FROM params),
       (SELECT count(*) FROM tags), (SELECT count(*) FROM metrics), (SELECT count(*) FROM registered_models),
       (SELECT count(*) FROM model_versions)
-- name: mlflow_origin_logged_model_count
SELECT count(*) FROM logged_models
-- name: mlflow_origin_trace_count
SELECT count(*) FROM trace_info
