-- name: event_note_insert
INSERT INTO event_note (kind, name) VALUES (?1, ?2)
-- name: event_note_trim
DELETE FROM event_note WHERE id <= ?1
-- name: event_marks
-- The newest row of each log that tells of changes.
SELECT coalesce((SELECT id FROM track_change ORDER BY id DESC LIMIT 1), 0), coalesce((SELECT seq FROM audit ORDER BY seq DESC LIMIT 1), 0),
       coalesce((SELECT id FROM event_note ORDER BY id DESC LIMIT 1), 0)
-- name: event_runs
-- Runs that changed, each once; below 0: -1 - an experiment whose runs did.
SELECT DISTINCT c.run, r.uuid, r.name, r.status, r.end_ms, r.deleted
FROM track_change c LEFT JOIN track_run r ON r.id = c.run WHERE c.id > ?1 AND c.id <= ?2
-- name: event_audit
SELECT DISTINCT kind, verb, object FROM audit WHERE seq > ?1 AND seq <= ?2 AND allowed = 1
-- name: event_notes
SELECT DISTINCT kind, name FROM event_note WHERE id > ?1 AND id <= ?2
