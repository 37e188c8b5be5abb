-- name: history_series
-- A metric of a run: its number and how many points it has.
SELECT s.id, s.points FROM track_run r JOIN track_series s ON s.run = r.id WHERE r.uuid = ?1 AND r.deleted < 2 AND s.key = ?2
-- name: history_points
SELECT time_ms, step, value, is_nan FROM track_point WHERE series = ?1 ORDER BY time_ms, step, value, is_nan
-- name: history_points_after
SELECT time_ms, step, value, is_nan FROM track_point
WHERE series = ?1 AND (time_ms, step, value, is_nan) > (?2, ?3, ?4, ?5)
ORDER BY time_ms, step, value, is_nan
-- name: history_points_page
SELECT time_ms, step, value, is_nan FROM track_point
WHERE series = ?1 AND (time_ms, step, value, is_nan) > (?2, ?3, ?4, ?5)
ORDER BY time_ms, step, value, is_nan LIMIT ?6
