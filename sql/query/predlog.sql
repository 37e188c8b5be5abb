-- name: predlog_insert
INSERT INTO prediction_log (endpoint, start_us, end_us, row_count, size_bytes, blob) VALUES (?, ?, ?, ?, ?, ?);

-- name: predlog_list
SELECT seq, start_us, end_us, row_count, size_bytes, blob, CAST(0 AS INTEGER) FROM prediction_log WHERE endpoint = ? AND seq > ? ORDER BY seq LIMIT ?;

-- name: predlog_get
SELECT seq, start_us, end_us, row_count, size_bytes, blob, CAST(0 AS INTEGER) FROM prediction_log WHERE endpoint = ? AND seq = ?;
