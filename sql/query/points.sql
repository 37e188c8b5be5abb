-- name: points_tail
SELECT tail FROM track_series WHERE id = ?1
-- name: points_tail_set
UPDATE track_series SET tail = ?2 WHERE id = ?1
-- name: points_chunks
SELECT time_ms, step, value, is_nan, points, data FROM track_chunk WHERE series = ?1 ORDER BY time_ms, step, value, is_nan
-- name: points_chunks_from
SELECT time_ms, step, value, is_nan, points, data FROM track_chunk
WHERE series = ?1 AND (time_ms, step, value, is_nan) > (?2, ?3, ?4, ?5) ORDER BY time_ms, step, value, is_nan
-- name: points_chunk_of
-- The chunk that a point belongs to: the last one that does not begin behind it.
SELECT time_ms, step, value, is_nan, points, data FROM track_chunk
WHERE series = ?1 AND (time_ms, step, value, is_nan) <= (?2, ?3, ?4, ?5)
ORDER BY time_ms DESC, step DESC, value DESC, is_nan DESC LIMIT 1
-- name: points_chunk_first
SELECT time_ms, step, value, is_nan, points, data FROM track_chunk WHERE series = ?1 ORDER BY time_ms, step, value, is_nan LIMIT 1
-- name: points_chunk_next
SELECT time_ms, step, value, is_nan FROM track_chunk
WHERE series = ?1 AND (time_ms, step, value, is_nan) > (?2, ?3, ?4, ?5) ORDER BY time_ms, step, value, is_nan LIMIT 1
-- name: points_chunk_put
INSERT INTO track_chunk (series, time_ms, step, value, is_nan, points, last_step, by_step, data) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
ON CONFLICT (series, time_ms, step, value, is_nan) DO UPDATE
SET points = excluded.points, last_step = excluded.last_step, by_step = excluded.by_step, data = excluded.data
-- name: points_chunk_delete
DELETE FROM track_chunk WHERE series = ?1 AND time_ms = ?2 AND step = ?3 AND value = ?4 AND is_nan = ?5
-- name: points_heads
-- What sampling needs to know of the chunks.
SELECT time_ms, step, value, is_nan, points, last_step, by_step FROM track_chunk WHERE series = ?1 ORDER BY time_ms, step, value, is_nan
-- name: points_chunk_get
SELECT time_ms, step, value, is_nan, points, data FROM track_chunk
WHERE series = ?1 AND time_ms = ?2 AND step = ?3 AND value = ?4 AND is_nan = ?5

-- name: points_old_next
-- Databases of before hold one row per point.
SELECT p.series, s.tail FROM track_point p JOIN track_series s ON s.id = p.series ORDER BY p.series LIMIT 1
-- name: points_old
SELECT time_ms, step, value, is_nan FROM track_point WHERE series = ?1 ORDER BY time_ms, step, value, is_nan
-- name: points_old_delete
DELETE FROM track_point WHERE series = ?1
