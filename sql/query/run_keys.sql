-- name: run_keys_params
-- Parameters of the newest active runs of an experiment, with how many runs have which value.
SELECT p.key, p.value, count(*) FROM (SELECT id FROM track_run WHERE experiment = ?1 AND deleted = 0 ORDER BY start_ms DESC, uuid LIMIT ?2) r
JOIN track_param p ON p.run = r.id GROUP BY p.key, p.value ORDER BY 1, 3 DESC, 2
-- name: run_keys_params_oldest
SELECT p.key, p.value, count(*) FROM (SELECT id FROM track_run WHERE experiment = ?1 AND deleted = 0 ORDER BY start_ms, uuid DESC LIMIT ?2) r
JOIN track_param p ON p.run = r.id GROUP BY p.key, p.value ORDER BY 1, 3 DESC, 2
-- name: run_keys_tags
SELECT t.key, t.value, count(*) FROM (SELECT id FROM track_run WHERE experiment = ?1 AND deleted = 0 ORDER BY start_ms DESC, uuid LIMIT ?2) r
JOIN track_tag t ON t.run = r.id GROUP BY t.key, t.value ORDER BY 1, 3 DESC, 2
-- name: run_keys_tags_oldest
SELECT t.key, t.value, count(*) FROM (SELECT id FROM track_run WHERE experiment = ?1 AND deleted = 0 ORDER BY start_ms, uuid DESC LIMIT ?2) r
JOIN track_tag t ON t.run = r.id GROUP BY t.key, t.value ORDER BY 1, 3 DESC, 2
-- name: run_keys_metrics
SELECT s.key, '', count(*) FROM (SELECT id FROM track_run WHERE experiment = ?1 AND deleted = 0 ORDER BY start_ms DESC, uuid LIMIT ?2) r
JOIN track_series s ON s.run = r.id GROUP BY s.key ORDER BY 1
-- name: run_keys_metrics_oldest
SELECT s.key, '', count(*) FROM (SELECT id FROM track_run WHERE experiment = ?1 AND deleted = 0 ORDER BY start_ms, uuid DESC LIMIT ?2) r
JOIN track_series s ON s.run = r.id GROUP BY s.key ORDER BY 1
-- name: run_counts
SELECT e.id, e.name, e.deleted, e.created_ms, coalesce((SELECT MAX(r.start_ms) FROM track_run r WHERE r.experiment = e.id), 0)
FROM track_experiment e WHERE e.deleted < 2 ORDER BY e.id DESC
-- name: run_running_counts
-- "+ 0": over the few runs that go on, not over all in the order of their experiments.
SELECT experiment + 0, count(*) FROM track_run WHERE status = 1 AND deleted = 0 GROUP BY experiment + 0
-- name: run_count_up_to
SELECT count(*) FROM (SELECT id FROM track_run WHERE experiment = ?1 AND deleted = 0 LIMIT ?2) r
-- name: run_count_of
SELECT count(*) FROM track_run WHERE experiment = ?1 AND deleted = 0
