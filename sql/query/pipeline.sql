-- name: pipeline_run_insert
INSERT INTO pipeline_run (endpoint, workspace, reason, argv, state, time_us, log_path, pipeline, origin, actor)
VALUES (?1, ?2, ?3, ?4, 'queued', ?5, '', ?6, 'server', ?7)
-- name: pipeline_run_set_log
UPDATE pipeline_run SET log_path = ?2 WHERE id = ?1
-- name: pipeline_run_started
UPDATE pipeline_run SET state = 'running', started_us = ?2 WHERE id = ?1
-- name: pipeline_run_ended
UPDATE pipeline_run SET state = ?2, ended_us = ?3, exit_code = ?4, cpu_us = ?5, max_rss_bytes = ?6, result = ?7
WHERE id = ?1
-- name: pipeline_run_open
-- What a server that was killed left behind.
SELECT id FROM pipeline_run WHERE state IN ('queued', 'running') AND origin = 'server' ORDER BY id
-- name: pipeline_run_last
SELECT id, state, time_us FROM pipeline_run WHERE endpoint = ?1 AND origin = 'server' ORDER BY id DESC LIMIT 1
-- name: pipeline_run_list
SELECT id, endpoint, workspace, reason, state, time_us, started_us, ended_us, exit_code, cpu_us, max_rss_bytes, log_path, result
FROM pipeline_run WHERE (?1 = '' OR endpoint = ?1) AND id < ?2 ORDER BY id DESC LIMIT ?3
-- name: journal_begin
INSERT INTO pipeline_run (endpoint, workspace, reason, argv, state, time_us, started_us, log_path, pipeline, origin, actor, host, seen_us)
VALUES ('', ?1, '', ?2, 'running', ?3, ?3, '', ?4, 'report', ?5, ?6, ?3)
-- name: journal_stage_put
INSERT INTO pipeline_stage (run, place, stage, needs, facts, state, reason, attempts, track_run, log, log_bytes)
VALUES (?1, ?2, ?3, ?4, ?5, 'waiting', '', 0, '', '', 0)
ON CONFLICT (run, place) DO UPDATE SET stage = excluded.stage, needs = excluded.needs, facts = excluded.facts
-- name: journal_stage_set
UPDATE pipeline_stage SET state = ?3, reason = ?4, attempts = ?5, started_us = ?6, ended_us = ?7, cpu_us = ?8, max_rss_bytes = ?9, exit_code = ?10,
    track_run = ?11
WHERE run = ?1 AND place = ?2
-- name: journal_stage_log
UPDATE pipeline_stage SET log = ?3, log_bytes = ?4 WHERE run = ?1 AND place = ?2
-- name: journal_forget_log
-- The run that is the ?2nd newest of its pipeline: what was printed in older ones is gone already.
UPDATE pipeline_stage SET log = '' WHERE run = (SELECT id FROM pipeline_run WHERE pipeline = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)
-- name: journal_seen
UPDATE pipeline_run SET seen_us = ?2 WHERE id = ?1
-- name: journal_host
UPDATE pipeline_run SET host = ?2 WHERE id = ?1
-- name: journal_end
UPDATE pipeline_run SET state = ?2, ended_us = ?3, exit_code = ?4, cpu_us = ?5, max_rss_bytes = ?6 WHERE id = ?1
-- name: journal_cancel
UPDATE pipeline_run SET cancel_us = ?2 WHERE id = ?1
-- name: journal_state
SELECT state, origin, cancel_us FROM pipeline_run WHERE id = ?1
-- name: journal_list
SELECT id, pipeline, origin, endpoint, workspace, reason, argv, state, actor, host, time_us, started_us, ended_us, seen_us, cancel_us, exit_code, cpu_us, max_rss_bytes,
    log_path, result
FROM pipeline_run WHERE pipeline = ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3
-- name: journal_get
SELECT id, pipeline, origin, endpoint, workspace, reason, argv, state, actor, host, time_us, started_us, ended_us, seen_us, cancel_us, exit_code, cpu_us, max_rss_bytes,
    log_path, result
FROM pipeline_run WHERE id = ?1
-- name: journal_pipelines
SELECT pipeline, COUNT(*), MAX(id) FROM pipeline_run WHERE pipeline > ?1 GROUP BY pipeline ORDER BY pipeline LIMIT ?2
-- name: journal_stages
SELECT stage, needs, facts, state, reason, attempts, started_us, ended_us, cpu_us, max_rss_bytes, exit_code, track_run, log_bytes
FROM pipeline_stage WHERE run = ?1 ORDER BY place LIMIT ?2
-- name: journal_log
SELECT log, log_bytes, state FROM pipeline_stage WHERE run = ?1 AND stage = ?2
-- name: journal_durations
-- How long the stages of a pipeline took when they ran, newest runs first.
SELECT s.stage, s.ended_us - s.started_us FROM pipeline_stage s
WHERE s.run IN (SELECT r.id FROM pipeline_run r WHERE r.pipeline = ?1 AND r.id < ?2 ORDER BY r.id DESC LIMIT ?3) AND s.state = 'ran' AND s.ended_us IS NOT NULL
ORDER BY s.run DESC, s.place LIMIT ?4
