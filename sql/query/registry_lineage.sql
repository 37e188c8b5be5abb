-- Statements of the lineage come in pairs: <above>_<below>_down takes the key of what was first and gives the keys of what
-- came of it, _up the reverse. The columns of an answer are the parts of a key as core/registry/lineage.c lists them.
-- name: lineage_data_version_down
SELECT m.name, v.version FROM registry_version v JOIN registry_model m ON m.id = v.model
WHERE v.data_version = ?1 AND v.deleted = 0 ORDER BY v.id DESC
-- name: lineage_data_version_up
SELECT v.data_version FROM registry_version v JOIN registry_model m ON m.id = v.model
WHERE m.name = ?1 AND v.version = ?2 AND v.deleted = 0 AND v.data_version <> ''
-- `ingot run` names a dataset by the first 32 digits of its data's version.
-- name: lineage_data_dataset_down
SELECT digest, name FROM track_dataset WHERE digest = substr(CAST(?1 AS TEXT), 1, 32) GROUP BY digest, name ORDER BY name
-- name: lineage_data_dataset_up
SELECT data_version FROM registry_version
WHERE length(CAST(?1 AS TEXT)) = 32 AND data_version >= ?1 AND data_version < CAST(?1 AS TEXT) || 'g' AND deleted = 0
GROUP BY data_version ORDER BY data_version
-- name: lineage_dataset_run_down
SELECT r.uuid FROM track_dataset d JOIN track_input i ON i.dataset = d.id JOIN track_run r ON r.id = i.run
WHERE d.digest = ?1 AND d.name = ?2 ORDER BY r.id DESC
-- name: lineage_dataset_run_up
SELECT d.digest, d.name FROM track_run r JOIN track_input i ON i.run = r.id JOIN track_dataset d ON d.id = i.dataset
WHERE r.uuid = ?1 ORDER BY d.id
-- name: lineage_model_run_down
SELECT r.uuid FROM track_run_model x JOIN track_run r ON r.id = x.run WHERE x.model_id = ?1 AND x.output = 0 ORDER BY r.id DESC
-- name: lineage_model_run_up
SELECT x.model_id FROM track_run r JOIN track_run_model x ON x.run = r.id WHERE r.uuid = ?1 AND x.output = 0 ORDER BY x.model_id
-- name: lineage_run_model_down
SELECT model_id FROM track_model WHERE source_run_id = ?1
UNION SELECT x.model_id FROM track_run r JOIN track_run_model x ON x.run = r.id WHERE r.uuid = ?1 AND x.output = 1
ORDER BY model_id
-- name: lineage_run_model_up
SELECT source_run_id FROM track_model WHERE model_id = ?1 AND source_run_id <> ''
UNION SELECT r.uuid FROM track_run_model x JOIN track_run r ON r.id = x.run WHERE x.model_id = ?1 AND x.output = 1
ORDER BY source_run_id
-- A version of a logged model hangs on that.
-- name: lineage_run_version_down
SELECT m.name, v.version FROM registry_version v JOIN registry_model m ON m.id = v.model
WHERE v.run_id = ?1 AND substr(v.run_id, 1, 500) = substr(?1, 1, 500) AND v.model_id = '' AND v.deleted = 0 ORDER BY v.id DESC
-- name: lineage_run_version_up
SELECT v.run_id FROM registry_version v JOIN registry_model m ON m.id = v.model
WHERE m.name = ?1 AND v.version = ?2 AND v.deleted = 0 AND v.model_id = '' AND v.run_id <> ''
-- name: lineage_model_version_down
SELECT m.name, v.version FROM registry_version v JOIN registry_model m ON m.id = v.model
WHERE v.model_id = ?1 AND substr(v.model_id, 1, 500) = substr(?1, 1, 500) AND v.deleted = 0 ORDER BY v.id DESC
-- name: lineage_model_version_up
SELECT v.model_id FROM registry_version v JOIN registry_model m ON m.id = v.model
WHERE m.name = ?1 AND v.version = ?2 AND v.deleted = 0 AND v.model_id <> ''
-- name: lineage_version_copy_down
SELECT m.name, v.version FROM registry_release c JOIN registry_version v ON v.id = c.version JOIN registry_model m ON m.id = v.model
WHERE v.deleted = 0
      AND c.origin = (SELECT o.id FROM registry_version o JOIN registry_model p ON p.id = o.model WHERE p.name = ?1 AND o.version = ?2)
ORDER BY v.id DESC
-- name: lineage_version_copy_up
SELECT p.name, o.version FROM registry_version v JOIN registry_model m ON m.id = v.model JOIN registry_release c ON c.version = v.id
JOIN registry_version o ON o.id = c.origin JOIN registry_model p ON p.id = o.model
WHERE m.name = ?1 AND v.version = ?2 AND v.deleted = 0 AND o.deleted = 0
-- name: lineage_version_alias_down
SELECT m.name, a.alias FROM registry_alias a JOIN registry_model m ON m.id = a.model WHERE m.name = ?1 AND a.version = ?2 ORDER BY a.alias
-- name: lineage_version_alias_up
SELECT m.name, a.version FROM registry_alias a JOIN registry_model m ON m.id = a.model WHERE m.name = ?1 AND a.alias = ?2
-- name: lineage_version_endpoint_down
SELECT name FROM serve_endpoint WHERE model = ?1 AND version = ?2 ORDER BY name
-- name: lineage_version_endpoint_up
SELECT model, version FROM serve_endpoint WHERE name = ?1 AND version > 0
-- name: lineage_candidate_rollout_down
SELECT r.id FROM rollout r JOIN serve_endpoint e ON e.name = r.endpoint WHERE e.model = ?1 AND r.candidate = ?2 ORDER BY r.id DESC
-- name: lineage_candidate_rollout_up
SELECT e.model, r.candidate FROM rollout r JOIN serve_endpoint e ON e.name = r.endpoint WHERE r.id = ?1
-- name: lineage_control_rollout_down
SELECT r.id FROM rollout r JOIN serve_endpoint e ON e.name = r.endpoint WHERE e.model = ?1 AND r.control = ?2 ORDER BY r.id DESC
-- name: lineage_control_rollout_up
SELECT e.model, r.control FROM rollout r JOIN serve_endpoint e ON e.name = r.endpoint WHERE r.id = ?1
-- name: lineage_rollout_endpoint_down
SELECT endpoint FROM rollout WHERE id = ?1
-- name: lineage_rollout_endpoint_up
SELECT id FROM rollout WHERE endpoint = ?1 ORDER BY id DESC
-- name: lineage_endpoint_window_down
SELECT endpoint, start_us FROM monitor_window WHERE endpoint = ?1 GROUP BY endpoint, start_us ORDER BY start_us DESC
-- name: lineage_endpoint_window_up
SELECT endpoint FROM monitor_window WHERE endpoint = ?1 AND start_us = ?2 GROUP BY endpoint
-- A window that made the monitor ask for a retraining, and the run that was asked for at that instant.
-- name: lineage_window_retrain_down
SELECT p.id FROM monitor_trigger t JOIN pipeline_run p ON p.endpoint = t.endpoint AND p.time_us = t.window_end_us
WHERE t.endpoint = ?1 AND t.window_start_us = ?2 GROUP BY p.id ORDER BY p.id
-- name: lineage_window_retrain_up
SELECT t.endpoint, t.window_start_us FROM pipeline_run p JOIN monitor_trigger t ON t.endpoint = p.endpoint AND t.window_end_us = p.time_us
WHERE p.id = ?1 GROUP BY t.endpoint, t.window_start_us ORDER BY t.window_start_us
-- name: lineage_endpoint_retrain_down
SELECT id FROM pipeline_run WHERE endpoint = ?1 ORDER BY id DESC
-- name: lineage_endpoint_retrain_up
SELECT endpoint FROM pipeline_run WHERE id = ?1
-- The file that a retraining left names the version: {"model": ..., "version": ...}.
-- name: lineage_retrain_result
SELECT result FROM pipeline_run WHERE id = ?1 AND result <> ''
-- name: lineage_retrain_results_of_model
SELECT p.id, p.result FROM serve_endpoint e JOIN pipeline_run p ON p.endpoint = e.name
WHERE e.model = ?1 AND p.result <> '' ORDER BY p.id DESC

-- What a node shows: label, state, time in microseconds. No row: there is no such node.
-- name: lineage_show_data
SELECT data_version, '', created_ms * 1000 FROM registry_version WHERE data_version = ?1 ORDER BY id LIMIT 1
-- name: lineage_show_dataset
SELECT name, source_type, 0 FROM track_dataset WHERE digest = ?1 AND name = ?2 ORDER BY id LIMIT 1
-- name: lineage_show_run
SELECT name, CASE status WHEN 1 THEN 'RUNNING' WHEN 2 THEN 'SCHEDULED' WHEN 3 THEN 'FINISHED' WHEN 4 THEN 'FAILED' ELSE 'KILLED' END,
       start_ms * 1000
FROM track_run WHERE uuid = ?1 AND deleted < 2
-- name: lineage_show_model
SELECT name, CASE status WHEN 1 THEN 'PENDING' WHEN 2 THEN 'READY' ELSE 'UPLOAD_FAILED' END, created_ms * 1000
FROM track_model WHERE model_id = ?1
-- name: lineage_show_version
SELECT COALESCE(CAST(r.major AS TEXT) || '.' || CAST(r.minor AS TEXT) || '.' || CAST(r.patch AS TEXT), ''),
       CASE v.stage WHEN 1 THEN 'Staging' WHEN 2 THEN 'Production' WHEN 3 THEN 'Archived' ELSE 'None' END, v.created_ms * 1000
FROM registry_model m JOIN registry_version v ON v.model = m.id LEFT JOIN registry_release r ON r.version = v.id
WHERE m.name = ?1 AND v.version = ?2 AND v.deleted = 0
-- name: lineage_show_alias
SELECT a.alias, CAST(a.version AS TEXT), 0 FROM registry_alias a JOIN registry_model m ON m.id = a.model WHERE m.name = ?1 AND a.alias = ?2
-- name: lineage_show_endpoint
SELECT model, CAST(version AS TEXT), updated_us FROM serve_endpoint WHERE name = ?1
-- name: lineage_show_rollout
SELECT endpoint, state, started_us FROM rollout WHERE id = ?1
-- name: lineage_show_window
SELECT endpoint, CAST(predictions AS TEXT), end_us FROM monitor_window WHERE endpoint = ?1 AND start_us = ?2 ORDER BY revision DESC LIMIT 1
-- name: lineage_show_retrain
SELECT endpoint, state, time_us FROM pipeline_run WHERE id = ?1
