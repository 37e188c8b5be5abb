-- name: track_experiment_insert
INSERT INTO track_experiment (name, artifact_location, created_ms, updated_ms) VALUES (?1, ?2, ?3, ?3)
-- name: track_experiment_set_location
UPDATE track_experiment SET artifact_location = ?2 WHERE id = ?1
-- name: track_experiment_move_default
UPDATE track_experiment SET artifact_location = ?1
WHERE id = 0 AND artifact_location = 'mlflow-artifacts:/0' AND NOT EXISTS (SELECT 1 FROM track_run WHERE experiment = 0)
-- name: track_experiment_by_id
SELECT id, name, artifact_location, deleted, created_ms, updated_ms FROM track_experiment WHERE id = ?1 AND deleted < 2
-- name: track_experiment_by_name
SELECT id, name, artifact_location, deleted, created_ms, updated_ms FROM track_experiment WHERE name = ?1 AND deleted < 2
-- name: track_experiment_scan
SELECT id, name, artifact_location, deleted, created_ms, updated_ms FROM track_experiment
WHERE deleted BETWEEN ?1 AND ?2
-- name: track_experiment_ids
SELECT id FROM track_experiment WHERE deleted < 2 ORDER BY id
-- name: track_experiment_set_deleted
UPDATE track_experiment SET deleted = ?2, updated_ms = ?3 WHERE id = ?1
-- name: track_experiment_rename
UPDATE track_experiment SET name = ?2, updated_ms = ?3 WHERE id = ?1
-- name: track_experiment_delete_runs
UPDATE track_run SET deleted = 1, deleted_ms = ?2 WHERE experiment = ?1 AND deleted = 0
-- name: track_experiment_restore_runs
UPDATE track_run SET deleted = 0, deleted_ms = NULL WHERE experiment = ?1 AND deleted = 1
-- name: track_experiment_tag_put
INSERT INTO track_experiment_tag (experiment, key, value) VALUES (?1, ?2, ?3)
ON CONFLICT (experiment, key) DO UPDATE SET value = excluded.value
-- name: track_experiment_tag_delete
DELETE FROM track_experiment_tag WHERE experiment = ?1 AND key = ?2
-- name: track_experiment_tags
SELECT key, value FROM track_experiment_tag WHERE experiment = ?1 ORDER BY key
-- name: track_experiment_tag_get
SELECT value FROM track_experiment_tag WHERE experiment = ?1 AND key = ?2

-- name: track_run_insert
INSERT INTO track_run (uuid, experiment, name, user_id, status, start_ms, artifact_uri)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
-- name: track_run_head
-- The little that a write to a run needs to know. (deleted 2: being purged, which nobody may see; core/retention.)
SELECT id, deleted, experiment FROM track_run WHERE uuid = ?1 AND deleted < 2
-- name: track_run_user
SELECT user_id FROM track_run WHERE id = ?1
-- name: track_run_by_uuid
SELECT id, uuid, experiment, name, user_id, status, start_ms, end_ms, deleted, artifact_uri
FROM track_run WHERE uuid = ?1 AND deleted < 2
-- name: track_run_by_id
SELECT id, uuid, experiment, name, user_id, status, start_ms, end_ms, deleted, artifact_uri
FROM track_run WHERE id = ?1 AND deleted < 2
-- name: track_run_scan
SELECT id, uuid, experiment, name, user_id, status, start_ms, end_ms, deleted, artifact_uri
FROM track_run WHERE experiment = ?1 AND deleted BETWEEN ?2 AND ?3 ORDER BY start_ms DESC, uuid
-- name: track_run_update
UPDATE track_run SET status = coalesce(?2, status), end_ms = coalesce(?3, end_ms), name = coalesce(?4, name)
WHERE id = ?1
-- name: track_run_set_deleted
UPDATE track_run SET deleted = ?2, deleted_ms = ?3 WHERE id = ?1
-- name: track_tag_put
INSERT INTO track_tag (run, key, value) VALUES (?1, ?2, ?3)
ON CONFLICT (run, key) DO UPDATE SET value = excluded.value
-- name: track_tag_get
SELECT value FROM track_tag WHERE run = ?1 AND key = ?2
-- name: track_tag_delete
DELETE FROM track_tag WHERE run = ?1 AND key = ?2
-- name: track_tags
SELECT key, value FROM track_tag WHERE run = ?1 ORDER BY key
-- name: track_param_insert
INSERT INTO track_param (run, key, value) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING
-- name: track_param_get
SELECT value FROM track_param WHERE run = ?1 AND key = ?2
-- name: track_params
SELECT key, value FROM track_param WHERE run = ?1 ORDER BY key

-- name: track_series_get
SELECT id, value, is_nan, time_ms, step FROM track_series WHERE run = ?1 AND key = ?2
-- name: track_series_open
SELECT id, value, is_nan, time_ms, step, tail FROM track_series WHERE run = ?1 AND key = ?2
-- name: track_series_scan
SELECT key, id, value, is_nan, time_ms, step, tail FROM track_series WHERE run = ?1 LIMIT ?2
-- name: track_series_of_head
-- A run and one of its series, which may not be there yet, in one look.
SELECT r.id, r.deleted, s.id, s.value, s.is_nan, s.time_ms, s.step, s.tail
FROM track_run r LEFT JOIN track_series s ON s.run = r.id AND s.key = ?2 WHERE r.uuid = ?1 AND r.deleted < 2
-- name: track_series_insert
INSERT INTO track_series (run, key, value, is_nan, time_ms, step, points, tail) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
-- name: track_series_update
-- The latest point, and how many points have come.
UPDATE track_series SET value = ?2, is_nan = ?3, time_ms = ?4, step = ?5, points = points + ?6, tail = ?7 WHERE id = ?1
-- name: track_series_of_run
SELECT key, value, is_nan, time_ms, step FROM track_series WHERE run = ?1 ORDER BY key

-- name: track_dataset_find
SELECT id FROM track_dataset WHERE experiment = ?1 AND name = ?2 AND digest = ?3
-- name: track_dataset_insert
INSERT INTO track_dataset (experiment, name, digest, source_type, source, schema, profile)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
-- name: track_input_insert
INSERT INTO track_input (run, dataset) VALUES (?1, ?2) ON CONFLICT DO NOTHING
-- name: track_input_tag_put
INSERT INTO track_input_tag (input, key, value) VALUES (?1, ?2, ?3)
ON CONFLICT (input, key) DO UPDATE SET value = excluded.value
-- name: track_inputs
SELECT i.id, d.name, d.digest, d.source_type, d.source, d.schema, d.profile
FROM track_input i JOIN track_dataset d ON d.id = i.dataset WHERE i.run = ?1 ORDER BY i.id
-- name: track_input_tags
SELECT key, value FROM track_input_tag WHERE input = ?1 ORDER BY key
-- name: track_run_model_put
INSERT INTO track_run_model (run, output, model_id, step) VALUES (?1, ?2, ?3, ?4)
ON CONFLICT (run, output, model_id) DO UPDATE SET step = excluded.step
-- name: track_run_models
SELECT model_id, step FROM track_run_model WHERE run = ?1 AND output = ?2 ORDER BY model_id

-- name: track_model_insert
INSERT INTO track_model (model_id, experiment, name, model_type, source_run_id, artifact_uri, status,
                         status_message, created_ms, updated_ms)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, '', ?8, ?8)
-- name: track_model_by_id
SELECT id, model_id, experiment, name, model_type, source_run_id, artifact_uri, status, status_message,
       deleted, created_ms, updated_ms
FROM track_model WHERE model_id = ?1
-- name: track_model_scan
SELECT id, model_id, experiment, name, model_type, source_run_id, artifact_uri, status, status_message,
       deleted, created_ms, updated_ms
FROM track_model WHERE experiment = ?1 AND deleted = 0 ORDER BY created_ms DESC, model_id
-- name: track_model_set_status
UPDATE track_model SET status = ?2, updated_ms = ?3 WHERE id = ?1
-- name: track_model_set_deleted
UPDATE track_model SET deleted = 1, updated_ms = ?2 WHERE id = ?1
-- name: track_model_param_insert
INSERT INTO track_model_param (model, key, value) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING
-- name: track_model_param_get
SELECT value FROM track_model_param WHERE model = ?1 AND key = ?2
-- name: track_model_params
SELECT key, value FROM track_model_param WHERE model = ?1 ORDER BY key
-- name: track_model_tag_put
INSERT INTO track_model_tag (model, key, value) VALUES (?1, ?2, ?3)
ON CONFLICT (model, key) DO UPDATE SET value = excluded.value
-- name: track_model_tag_get
SELECT value FROM track_model_tag WHERE model = ?1 AND key = ?2
-- name: track_model_tag_delete
DELETE FROM track_model_tag WHERE model = ?1 AND key = ?2
-- name: track_model_tags
SELECT key, value FROM track_model_tag WHERE model = ?1 ORDER BY key
-- name: track_model_metric_put
INSERT INTO track_model_metric (model, key, run_id, dataset_name, dataset_digest, value, is_nan, time_ms, step)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
ON CONFLICT (model, key, run_id, dataset_name, dataset_digest) DO UPDATE
SET value = excluded.value, is_nan = excluded.is_nan, time_ms = excluded.time_ms, step = excluded.step
WHERE (excluded.step, excluded.time_ms, excluded.value) > (track_model_metric.step, track_model_metric.time_ms, track_model_metric.value)
-- postgres:
INSERT INTO track_model_metric (model, key, run_id, dataset_name, dataset_digest, value, is_nan, time_ms, step)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
ON CONFLICT (model, key, run_id, sha256(decode(replace(dataset_name, '\', '\\'), 'escape')), dataset_digest) DO UPDATE
SET value = excluded.value, is_nan = excluded.is_nan, time_ms = excluded.time_ms, step = excluded.step
WHERE (excluded.step, excluded.time_ms, excluded.value) > (track_model_metric.step, track_model_metric.time_ms, track_model_metric.value)
-- name: track_model_metrics
SELECT key, value, is_nan, time_ms, step, run_id, dataset_name, dataset_digest
FROM track_model_metric WHERE model = ?1 ORDER BY key, run_id

-- name: track_artifact_put
-- On PostgreSQL long texts stand in an index by their beginning (schema/025): hence substr() in the statements below. Ranges in an order are said
-- so that the planner sees how little the second line takes away, else it sorts the whole range.
INSERT INTO track_artifact (path, sha256, size_bytes, created_ms) VALUES (?1, ?2, ?3, ?4)
ON CONFLICT (path) DO UPDATE
SET sha256 = excluded.sha256, size_bytes = excluded.size_bytes, created_ms = excluded.created_ms
-- postgres:
INSERT INTO track_artifact (path, sha256, size_bytes, created_ms) VALUES (?1, ?2, ?3, ?4)
ON CONFLICT (substr(path, 1, 500), sha256(decode(replace(path, '\', '\\'), 'escape'))) DO UPDATE
SET sha256 = excluded.sha256, size_bytes = excluded.size_bytes, created_ms = excluded.created_ms
-- name: track_artifact_get
SELECT sha256, size_bytes FROM track_artifact WHERE path = ?1 AND substr(path, 1, 500) = substr(?1, 1, 500)
-- name: track_artifact_next
-- The first name in [?1, ?2).
SELECT path, size_bytes FROM track_artifact WHERE path >= ?1 AND path < ?2 ORDER BY path LIMIT 1
-- postgres:
SELECT path, size_bytes FROM track_artifact
WHERE substr(path, 1, 500) BETWEEN substr(CAST(?1 AS TEXT), 1, 500) AND substr(CAST(?2 AS TEXT), 1, 500)
      AND (substr(path, 1, 500) > substr(?1, 1, 500) OR path >= ?1) AND (substr(path, 1, 500) < substr(?2, 1, 500) OR path < ?2)
ORDER BY substr(path, 1, 500), path LIMIT 1
-- name: track_artifact_page
SELECT path, size_bytes FROM track_artifact WHERE path >= ?1 AND path < ?2 ORDER BY path LIMIT ?3
-- postgres:
SELECT path, size_bytes FROM track_artifact
WHERE substr(path, 1, 500) BETWEEN substr(CAST(?1 AS TEXT), 1, 500) AND substr(CAST(?2 AS TEXT), 1, 500)
      AND (substr(path, 1, 500) > substr(?1, 1, 500) OR path >= ?1) AND (substr(path, 1, 500) < substr(?2, 1, 500) OR path < ?2)
ORDER BY substr(path, 1, 500), path LIMIT ?3
-- name: track_artifact_delete
DELETE FROM track_artifact WHERE path = ?1 AND substr(path, 1, 500) = substr(?1, 1, 500)
-- name: track_artifact_delete_below
DELETE FROM track_artifact
WHERE path >= ?1 AND path < ?2 AND substr(path, 1, 500) >= substr(?1, 1, 500) AND substr(path, 1, 500) <= substr(?2, 1, 500)
