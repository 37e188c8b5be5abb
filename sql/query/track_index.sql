-- name: track_index_runs
-- What an index (core/track/index_group.c) holds of every run.
SELECT id, uuid, start_ms, end_ms, status, deleted FROM track_run WHERE experiment = ?1 AND deleted < 2 ORDER BY id
-- name: track_index_names
SELECT id, name FROM track_run WHERE experiment = ?1
-- name: track_index_users
SELECT id, user_id FROM track_run WHERE experiment = ?1
-- name: track_index_uris
SELECT id, artifact_uri FROM track_run WHERE experiment = ?1
-- name: track_index_metric
SELECT s.run, s.value, s.is_nan FROM track_run r JOIN track_series s ON s.run = r.id
WHERE r.experiment = ?1 AND s.key = ?2
-- name: track_index_param
SELECT p.run, p.value FROM track_run r JOIN track_param p ON p.run = r.id WHERE r.experiment = ?1 AND p.key = ?2
-- name: track_index_tag
SELECT t.run, t.value FROM track_run r JOIN track_tag t ON t.run = r.id WHERE r.experiment = ?1 AND t.key = ?2
-- name: track_index_uses
-- The datasets of each run, with what for.
SELECT i.run, d.name, d.digest, t.value FROM track_run r JOIN track_input i ON i.run = r.id
JOIN track_dataset d ON d.id = i.dataset
LEFT JOIN track_input_tag t ON t.input = i.id AND t.key = 'mlflow.data.context'
WHERE r.experiment = ?1
-- name: track_index_uses_of_run
SELECT i.run, d.name, d.digest, t.value FROM track_input i JOIN track_dataset d ON d.id = i.dataset
LEFT JOIN track_input_tag t ON t.input = i.id AND t.key = 'mlflow.data.context'
WHERE i.run = ?1

-- name: track_dataset_summaries
-- What search-datasets answers.
SELECT DISTINCT d.name, d.digest, coalesce(t.value, '') FROM track_dataset d JOIN track_input i ON i.dataset = d.id
LEFT JOIN track_input_tag t ON t.input = i.id AND t.key = 'mlflow.data.context'
WHERE d.experiment = ?1 ORDER BY 1, 2, 3 LIMIT ?2

-- name: track_model_metric_values
-- What was measured of a metric, the last one first.
SELECT value, is_nan, dataset_name, dataset_digest FROM track_model_metric WHERE model = ?1 AND key = ?2
ORDER BY time_ms DESC, step DESC, run_id
-- name: track_model_metric_datasets
SELECT DISTINCT dataset_name, dataset_digest FROM track_model_metric WHERE model = ?1
