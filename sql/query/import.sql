-- name: import_source_find
SELECT id FROM import_source WHERE name = ?1
-- name: import_source_insert
INSERT INTO import_source (name, first_us) VALUES (?1, ?2)
-- name: import_mark_get
SELECT mark FROM import_mark WHERE source = ?1 AND kind = ?2 AND key = ?3 AND substr(key, 1, 500) = substr(?3, 1, 500)
-- name: import_mark_put
INSERT INTO import_mark (source, kind, key, mark) VALUES (?1, ?2, ?3, ?4)
ON CONFLICT (source, kind, key) DO UPDATE SET mark = excluded.mark
-- postgres:
INSERT INTO import_mark (source, kind, key, mark) VALUES (?1, ?2, ?3, ?4)
ON CONFLICT (source, kind, substr(key, 1, 500), sha256(decode(replace(key, '\', '\\'), 'escape'))) DO UPDATE SET mark = excluded.mark

-- name: import_experiment_insert
INSERT INTO track_experiment (name, artifact_location, deleted, created_ms, updated_ms) VALUES (?1, ?2, ?3, ?4, ?5)
-- name: import_experiment_insert_as
-- With the id that it had there.
INSERT INTO track_experiment (id, name, artifact_location, deleted, created_ms, updated_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
-- name: import_experiment_ids
-- Ids that were given explicitly are not given again.
SELECT max(id) FROM track_experiment
-- postgres:
SELECT setval(pg_get_serial_sequence('track_experiment', 'id'), greatest((SELECT max(id) FROM track_experiment), 1))
-- name: import_experiment_taken
-- Also by what was purged (core/retention): its id is never given again.
SELECT id FROM track_experiment WHERE id = ?1
-- name: import_experiment_update
UPDATE track_experiment SET deleted = ?2, updated_ms = ?3 WHERE id = ?1 AND deleted < 2

-- name: import_run_insert
INSERT INTO track_run (uuid, experiment, name, user_id, status, start_ms, end_ms, deleted, deleted_ms, artifact_uri)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) ON CONFLICT (uuid) DO NOTHING
-- name: import_run_update
UPDATE track_run SET name = ?2, status = ?3, end_ms = ?4, deleted = ?5, deleted_ms = ?6 WHERE id = ?1
-- name: import_tag_keep
INSERT INTO track_tag (run, key, value) VALUES (?1, ?2, ?3) ON CONFLICT (run, key) DO NOTHING
-- name: import_param_keep
INSERT INTO track_param (run, key, value) VALUES (?1, ?2, ?3) ON CONFLICT (run, key) DO NOTHING

-- name: import_model_insert
INSERT INTO track_model (model_id, experiment, name, model_type, source_run_id, artifact_uri, status, status_message, deleted,
                         created_ms, updated_ms)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) ON CONFLICT (model_id) DO NOTHING
-- name: import_model_update
UPDATE track_model SET status = ?2, status_message = ?3, deleted = ?4, updated_ms = ?5 WHERE id = ?1

-- name: import_registered_insert
INSERT INTO registry_model (name, description, created_ms, updated_ms) VALUES (?1, ?2, ?3, ?4) ON CONFLICT (name) DO NOTHING
-- name: import_registered_raise
UPDATE registry_model SET last_version = ?2 WHERE id = ?1 AND last_version < ?2
-- name: import_version_find
SELECT id, deleted FROM registry_version WHERE model = ?1 AND version = ?2
-- name: import_version_insert
INSERT INTO registry_version (model, version, created_ms, updated_ms, description, user_id, stage, source, storage_location,
                              run_id, run_link, model_id, data_version, signature, deleted)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)
-- name: import_version_update
UPDATE registry_version SET description = ?2, stage = ?3, updated_ms = ?4, deleted = ?5 WHERE id = ?1
