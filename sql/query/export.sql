-- name: export_runs
SELECT id, uuid, experiment, name, user_id, status, start_ms, end_ms, deleted, artifact_uri, deleted_ms
FROM track_run WHERE id > ?1 AND deleted < 2 ORDER BY id LIMIT ?2
-- name: export_experiments
SELECT id FROM track_experiment WHERE id > ?1 AND deleted < 2 ORDER BY id LIMIT ?2
-- name: export_series
SELECT id, key FROM track_series WHERE run = ?1 AND key > ?2 ORDER BY key LIMIT 1
-- name: export_logged_models
SELECT id, model_id FROM track_model WHERE id > ?1 ORDER BY id LIMIT ?2
-- name: export_models
SELECT id, name FROM registry_model WHERE id > ?1 ORDER BY id LIMIT ?2
-- name: export_versions
-- Deleted ones too: their numbers are not given again.
SELECT v.id, m.name, v.version, v.created_ms, v.updated_ms, v.description, v.user_id, v.stage, v.source, v.storage_location,
       v.run_id, v.run_link, v.model_id, v.data_version, v.signature, v.deleted
FROM registry_version v JOIN registry_model m ON m.id = v.model WHERE v.id > ?1 ORDER BY v.id LIMIT ?2
-- name: export_artifacts
SELECT path, sha256, size_bytes FROM track_artifact WHERE path > ?1 ORDER BY path LIMIT ?2
-- postgres:
SELECT path, sha256, size_bytes FROM track_artifact WHERE path > ?1 AND substr(path, 1, 500) >= substr(?1, 1, 500)
ORDER BY substr(path, 1, 500), path LIMIT ?2
