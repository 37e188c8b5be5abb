-- name: run_rows_runs
-- Sixteen runs at once (core/track/run_rows.c); -1 stands for none.
SELECT id, uuid, experiment, name, user_id, status, start_ms, end_ms, deleted, artifact_uri FROM track_run
WHERE id IN (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16) AND deleted < 2
-- name: run_rows_metric
SELECT run, value, is_nan, time_ms, step FROM track_series
WHERE run IN (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16) AND key = ?17
-- name: run_rows_param
SELECT run, value FROM track_param
WHERE run IN (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16) AND key = ?17
-- name: run_rows_tag
SELECT run, value FROM track_tag
WHERE run IN (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16) AND key = ?17
