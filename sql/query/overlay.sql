-- name: overlay_run
-- A run with one of its metrics: number and points of the series, NULL without it.
SELECT r.uuid, r.name, s.id, s.points FROM track_run r LEFT JOIN track_series s ON s.run = r.id AND s.key = ?2 WHERE r.id = ?1 AND r.deleted < 2
