-- name: payload_insert
INSERT INTO payload_log (endpoint, start_us, end_us, row_count, size_bytes, blob, expires_us) VALUES (?, ?, ?, ?, ?, ?, ?);

-- name: payload_list
SELECT seq, start_us, end_us, row_count, size_bytes, blob, expires_us FROM payload_log WHERE endpoint = ? AND seq > ? ORDER BY seq LIMIT ?;

-- name: payload_get
SELECT seq, start_us, end_us, row_count, size_bytes, blob, expires_us FROM payload_log WHERE endpoint = ? AND seq = ?;

-- name: payload_expire
DELETE FROM payload_log WHERE expires_us > 0 AND expires_us <= ?;
