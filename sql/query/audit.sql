-- name: audit_head
SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1
-- name: audit_insert
-- A detail that is no JSON becomes NULL, which its column refuses. (json_valid() may not stand in a CHECK when
-- trusted_schema is off.)
INSERT INTO audit (seq, time_us, actor, verb, kind, object, allowed, detail, request_id, prev_hash, hash)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, CASE WHEN json_valid(?8) THEN ?8 END, ?9, ?10, ?11)
-- postgres:
INSERT INTO audit (seq, time_us, actor, verb, kind, object, allowed, detail, request_id, prev_hash, hash)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, CAST(CAST(?8 AS json) AS text), ?9, ?10, ?11)
-- name: audit_forward
-- From the beginning of the log, for the proof and for export.
SELECT seq, time_us, actor, verb, kind, object, allowed, detail, request_id, prev_hash, hash
FROM audit WHERE seq > ?1 ORDER BY seq LIMIT ?2
-- name: audit_newest
SELECT seq, time_us, actor, verb, kind, object, allowed, detail, request_id, prev_hash, hash
FROM audit WHERE seq < ?1 ORDER BY seq DESC LIMIT ?2
-- name: audit_newest_by_verb
SELECT seq, time_us, actor, verb, kind, object, allowed, detail, request_id, prev_hash, hash
FROM audit WHERE seq < ?1 AND verb = ?3 ORDER BY seq DESC LIMIT ?2
-- name: audit_newest_by_kind
-- ?3 kind, ?4 verb or NULL for any.
SELECT seq, time_us, actor, verb, kind, object, allowed, detail, request_id, prev_hash, hash
FROM audit WHERE seq < ?1 AND kind = ?3 AND (verb = ?4 OR ?4 IS NULL) ORDER BY seq DESC LIMIT ?2
-- name: audit_newest_by_object
-- ?3 kind, ?4 verb or NULL for any, ?5 object.
SELECT seq, time_us, actor, verb, kind, object, allowed, detail, request_id, prev_hash, hash
FROM audit WHERE seq < ?1 AND kind = ?3 AND object = ?5 AND substr(object, 1, 500) = substr(?5, 1, 500) AND (verb = ?4 OR ?4 IS NULL) ORDER BY seq DESC LIMIT ?2
