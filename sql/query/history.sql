-- name: history_series
-- A metric of a run: its number and how many points it has.
SELECT s.id, s.points FROM track_run r JOIN track_series s ON s.run = r.id WHERE r.uuid = ?1 AND r.deleted < 2 AND s.key = ?2
