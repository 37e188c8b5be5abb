-- name: many_run
-- The number of a run that is named by a client.
SELECT id FROM track_run WHERE uuid = ?1 AND deleted < 2
