-- Permanent deletion. deleted 2 marks what is being purged: from then on nothing else sees it (the statements of track.sql ask
-- for less). The row with the greatest id of its table stays as such a mark until there is a greater one, so that no id,
-- which caches and links may still hold, is ever given twice.
-- name: retention_runs
-- What was begun, and what was deleted long enough ago. The runs of a deleted experiment go with it.
SELECT id, uuid, artifact_uri, deleted, experiment FROM track_run
WHERE id > ?1 AND (deleted = 2 OR (deleted = 1 AND coalesce(deleted_ms, 0) <= ?2))
      AND experiment NOT IN (SELECT id FROM track_experiment WHERE deleted > 0)
ORDER BY id LIMIT ?3
-- name: retention_run
SELECT id, uuid, artifact_uri, deleted, experiment FROM track_run WHERE uuid = ?1
-- name: retention_runs_of
SELECT id, uuid, artifact_uri, deleted, experiment FROM track_run WHERE experiment = ?1 AND id > ?2 ORDER BY id LIMIT ?3
-- name: retention_run_version
-- A live version of a registered model that was made of the run, or that names no run and whose files are the run's (?2: LIKE).
SELECT m.name, v.version FROM registry_version v JOIN registry_model m ON m.id = v.model
WHERE v.run_id IN (?1, '') AND substr(v.run_id, 1, 500) IN (substr(?1, 1, 500), '') AND v.deleted = 0
      AND (v.run_id = ?1 OR v.source LIKE ?2 OR v.storage_location LIKE ?2)
ORDER BY v.id LIMIT 1
-- name: retention_model_version
SELECT m.name, v.version FROM registry_version v JOIN registry_model m ON m.id = v.model
WHERE v.model_id = ?1 AND substr(v.model_id, 1, 500) = substr(?1, 1, 500) AND v.deleted = 0 ORDER BY v.id LIMIT 1
-- name: retention_run_mark
UPDATE track_run SET deleted = 2 WHERE id = ?1
-- name: retention_series
SELECT id, points FROM track_series WHERE run = ?1 ORDER BY id LIMIT 1
-- name: retention_points_delete
DELETE FROM track_chunk WHERE (series, time_ms, step, value, is_nan) IN
    (SELECT series, time_ms, step, value, is_nan FROM track_chunk WHERE series = ?1 LIMIT ?2)
-- name: retention_tail_delete
UPDATE track_series SET tail = NULL, points = 0 WHERE id = ?1
-- name: retention_series_delete
DELETE FROM track_series WHERE id = ?1 AND id < (SELECT max(id) FROM track_series)
-- name: retention_params_delete
DELETE FROM track_param WHERE run = ?1
-- name: retention_tags_delete
DELETE FROM track_tag WHERE run = ?1
-- name: retention_input_tags_delete
DELETE FROM track_input_tag WHERE input IN (SELECT id FROM track_input WHERE run = ?1)
-- name: retention_inputs_delete
DELETE FROM track_input WHERE run = ?1
-- name: retention_run_models_delete
DELETE FROM track_run_model WHERE run = ?1
-- name: retention_console_pieces_delete
DELETE FROM track_console_piece WHERE run = ?1
-- name: retention_console_delete
DELETE FROM track_console WHERE run = ?1
-- name: retention_watches_delete
DELETE FROM alert_watch WHERE run = ?1
-- name: retention_alerts_end
UPDATE alert SET firing = 0, resolved_us = ?2 WHERE run = ?1 AND firing = 1
-- name: retention_run_empty
-- The mark that may stay of it has no name: the same run may be imported again.
UPDATE track_run SET uuid = 'purged ' || id, name = '', user_id = '', artifact_uri = '' WHERE id = ?1
-- name: retention_run_delete
DELETE FROM track_run WHERE id = ?1 AND id < (SELECT max(id) FROM track_run)
-- name: retention_artifacts_delete
DELETE FROM track_artifact WHERE path IN (SELECT path FROM track_artifact WHERE path >= ?1 AND path < ?2 ORDER BY path LIMIT ?3)
-- postgres:
DELETE FROM track_artifact WHERE ctid IN
    (SELECT ctid FROM track_artifact
     WHERE substr(path, 1, 500) BETWEEN substr(CAST(?1 AS TEXT), 1, 500) AND substr(CAST(?2 AS TEXT), 1, 500)
           AND (substr(path, 1, 500) > substr(?1, 1, 500) OR path >= ?1) AND (substr(path, 1, 500) < substr(?2, 1, 500) OR path < ?2)
     ORDER BY substr(path, 1, 500), path LIMIT ?3)
-- name: retention_marks_delete
-- What an import noted about a run or a logged model.
DELETE FROM import_mark WHERE source IN (SELECT id FROM import_source) AND kind IN ('run', 'points', 'model', 'uri') AND key = ?1
      AND substr(key, 1, 500) = substr(?1, 1, 500)
-- name: retention_file_marks_delete
DELETE FROM import_mark WHERE source IN (SELECT id FROM import_source) AND kind = 'file' AND key >= ?1 AND key < ?2
      AND substr(key, 1, 500) >= substr(?1, 1, 500) AND substr(key, 1, 500) <= substr(?2, 1, 500)
-- name: retention_experiment_marks_delete
DELETE FROM import_mark WHERE source IN (SELECT id FROM import_source) AND kind = 'experiment' AND mark = ?1

-- name: retention_experiments
SELECT id FROM track_experiment WHERE id > ?1 AND (deleted = 2 OR (deleted = 1 AND updated_ms <= ?2)) ORDER BY id
-- name: retention_experiment
SELECT name, artifact_location, deleted FROM track_experiment WHERE id = ?1
-- name: retention_locations
SELECT artifact_location FROM track_experiment WHERE id <> ?1 AND deleted < 2
-- name: retention_experiment_runs
SELECT count(*) FROM track_run WHERE experiment = ?1 AND deleted < 2
-- name: retention_experiment_mark
-- Its name is free from now on.
UPDATE track_experiment SET deleted = 2, name = ?2 WHERE id = ?1
-- name: retention_experiment_tags_delete
DELETE FROM track_experiment_tag WHERE experiment = ?1
-- name: retention_datasets_delete
DELETE FROM track_dataset WHERE experiment = ?1
-- name: retention_models_of
SELECT id, model_id, artifact_uri FROM track_model WHERE experiment = ?1 AND id > ?2 ORDER BY id LIMIT ?3
-- name: retention_model_params_delete
DELETE FROM track_model_param WHERE model = ?1
-- name: retention_model_tags_delete
DELETE FROM track_model_tag WHERE model = ?1
-- name: retention_model_metrics_delete
DELETE FROM track_model_metric WHERE model = ?1
-- name: retention_model_delete
DELETE FROM track_model WHERE id = ?1
-- name: retention_experiment_delete
DELETE FROM track_experiment WHERE id = ?1 AND id < (SELECT max(id) FROM track_experiment)
  AND NOT EXISTS (SELECT 1 FROM track_run WHERE experiment = ?1)

-- Every column that names a blob has its statement here (core/retention/sweep.c lists them; its test finds new ones).
-- name: retention_blob_artifact
SELECT 1 FROM track_artifact WHERE sha256 = ?1 LIMIT 1
-- name: retention_blob_part
SELECT 1 FROM track_upload_part WHERE sha256 = ?1 LIMIT 1
-- name: retention_blob_predictions
SELECT 1 FROM prediction_log WHERE blob = ?1 LIMIT 1
-- name: retention_blob_payloads
SELECT 1 FROM payload_log WHERE blob = ?1 LIMIT 1
-- name: retention_logical_bytes
SELECT count(*), coalesce(sum(size_bytes), 0) FROM track_artifact

-- name: retention_rules
SELECT experiment, key, value FROM track_experiment_tag WHERE key IN ('ingot.retain_days', 'ingot.retain_deleted_days')
ORDER BY experiment, key
-- name: retention_ended
-- Active runs that ended by ?2 and that nobody keeps.
SELECT r.id, r.uuid FROM track_run r
WHERE r.experiment = ?1 AND r.deleted = 0 AND r.end_ms <= ?2 AND r.status IN (3, 4, 5)
      AND NOT EXISTS (SELECT 1 FROM track_tag t WHERE t.run = r.id AND t.key IN ('ingot.keep', 'ingot.hold') AND t.value = 'true')
      AND NOT EXISTS (SELECT 1 FROM track_experiment_tag x WHERE x.experiment = ?1 AND x.key = 'ingot.hold' AND x.value = 'true')
ORDER BY r.id LIMIT ?3
-- name: retention_deleted_of
SELECT id, uuid FROM track_run WHERE experiment = ?1 AND deleted = 1 AND coalesce(deleted_ms, 0) <= ?2 AND id > ?3 ORDER BY id LIMIT ?4
