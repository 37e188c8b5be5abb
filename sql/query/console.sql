-- name: console_get
-- The run's own row stands for one that printed nothing yet.
SELECT r.id, r.status, r.deleted, coalesce(c.first, 0), coalesce(c.size, 0)
FROM track_run r LEFT JOIN track_console c ON c.run = r.id WHERE r.uuid = ?1 AND r.deleted < 2
-- name: console_put
INSERT INTO track_console (run, first, size, updated_ms) VALUES (?1, ?2, ?3, ?4)
ON CONFLICT (run) DO UPDATE SET first = excluded.first, size = excluded.size, updated_ms = excluded.updated_ms
-- name: console_piece_insert
INSERT INTO track_console_piece (run, start, bytes) VALUES (?1, ?2, ?3)
-- name: console_piece_trim
-- Those that end before what is kept begins.
DELETE FROM track_console_piece WHERE run = ?1 AND start < ?2
-- name: console_piece_at
-- The start of the piece that holds a byte.
SELECT start FROM track_console_piece WHERE run = ?1 AND start <= ?2 ORDER BY start DESC LIMIT 1
-- name: console_piece_list
SELECT start, bytes FROM track_console_piece WHERE run = ?1 AND start >= ?2 ORDER BY start
