-- name: pipeline_run_insert
INSERT INTO pipeline_run (endpoint, workspace, reason, argv, state, time_us, log_path)
VALUES (?1, ?2, ?3, ?4, 'queued', ?5, '')
-- name: pipeline_run_set_log
UPDATE pipeline_run SET log_path = ?2 WHERE id = ?1
-- name: pipeline_run_started
UPDATE pipeline_run SET state = 'running', started_us = ?2 WHERE id = ?1
-- name: pipeline_run_ended
UPDATE pipeline_run SET state = ?2, ended_us = ?3, exit_code = ?4, cpu_us = ?5, max_rss_bytes = ?6, result = ?7
WHERE id = ?1
-- name: pipeline_run_open
-- What a server that was killed left behind.
SELECT id FROM pipeline_run WHERE state IN ('queued', 'running') ORDER BY id
-- name: pipeline_run_last
SELECT id, state, time_us FROM pipeline_run WHERE endpoint = ?1 ORDER BY id DESC LIMIT 1
-- name: pipeline_run_list
SELECT id, endpoint, workspace, reason, state, time_us, started_us, ended_us, exit_code, cpu_us, max_rss_bytes, log_path, result
FROM pipeline_run WHERE (?1 = '' OR endpoint = ?1) AND id < ?2 ORDER BY id DESC LIMIT ?3
