-- name: feature_view_insert
INSERT INTO feature_view (name, digest, definition, created_us) VALUES (?, ?, ?, ?)
-- name: feature_view_list
-- Every view, in order of creation.
SELECT id, name, definition FROM feature_view ORDER BY id
-- name: feature_push_insert
INSERT INTO feature_push (view, rows, newest_us, pushed_us, events) VALUES (?, ?, ?, ?, ?)
-- name: feature_push_list
-- The pushes of one view in the order in which they were stored.
SELECT id, events FROM feature_push WHERE view = ? ORDER BY id
-- name: feature_push_expire
-- Pushes whose newest event no read may see any more.
DELETE FROM feature_push WHERE view = ? AND newest_us <= ?
