-- name: track_change_insert
INSERT INTO track_change (run) VALUES (?1)
-- name: track_change_trim
DELETE FROM track_change WHERE id <= ?1
-- name: track_change_ends
-- The oldest and the newest row that are kept; NULL when there is none.
SELECT (SELECT id FROM track_change ORDER BY id LIMIT 1), (SELECT id FROM track_change ORDER BY id DESC LIMIT 1)
-- name: track_change_since
SELECT run FROM track_change WHERE id > ?1 ORDER BY id
