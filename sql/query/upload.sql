-- Uploads in parts (core/track/upload.c).
-- name: upload_insert
INSERT INTO track_upload (secret, path, parts, expires_ms) VALUES (?1, ?2, ?3, ?4)
-- name: upload_get
SELECT id, path, parts, done FROM track_upload WHERE secret = ?1 AND expires_ms > ?2
-- name: upload_renew
UPDATE track_upload SET expires_ms = ?2 WHERE id = ?1
-- name: upload_finish
UPDATE track_upload SET done = 1 WHERE id = ?1
-- name: upload_delete
DELETE FROM track_upload WHERE id = ?1
-- name: upload_part_put
INSERT INTO track_upload_part (upload, number, sha256, size_bytes) VALUES (?1, ?2, ?3, ?4)
ON CONFLICT (upload, number) DO UPDATE SET sha256 = excluded.sha256, size_bytes = excluded.size_bytes
-- name: upload_part_list
SELECT number, sha256, size_bytes FROM track_upload_part WHERE upload = ?1 ORDER BY number
-- name: upload_part_delete
DELETE FROM track_upload_part WHERE upload = ?1
-- name: upload_part_expire
DELETE FROM track_upload_part WHERE upload IN (SELECT id FROM track_upload WHERE expires_ms <= ?1)
-- name: upload_expire
DELETE FROM track_upload WHERE expires_ms <= ?1
