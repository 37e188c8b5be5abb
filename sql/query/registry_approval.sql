-- name: registry_policy_put
INSERT INTO registry_policy (model, aliases, stages, ttl_us, self_approval, free_rollback, updated_us, updated_by)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
ON CONFLICT (model) DO UPDATE SET aliases = excluded.aliases, stages = excluded.stages, ttl_us = excluded.ttl_us,
    self_approval = excluded.self_approval, free_rollback = excluded.free_rollback, updated_us = excluded.updated_us,
    updated_by = excluded.updated_by
-- A model's own policy, else the one of all models.
-- name: registry_policy_of
SELECT model, aliases, stages, ttl_us, self_approval, free_rollback, updated_us, updated_by FROM registry_policy
WHERE model = ?1 OR model = 0 ORDER BY model DESC LIMIT 1

-- name: registry_approval_insert
INSERT INTO registry_approval (model_row, model, kind, subject, version, old_value, archive_others, state, requested_by,
                               requested_us, expires_us, reason, request_id)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 'pending', ?8, ?9, ?10, ?11, ?12)
-- The same wish of the same person, still open.
-- name: registry_approval_same
SELECT id, expires_us FROM registry_approval
WHERE model_row = ?1 AND state = 'pending' AND kind = ?2 AND subject = ?3 AND version = ?4 AND old_value = ?5
      AND archive_others = ?6 AND requested_by = ?7 AND expires_us > ?8
ORDER BY id LIMIT 1
-- name: registry_approval_get
SELECT id, model_row, model, kind, subject, version, old_value, archive_others, state, requested_by, requested_us, expires_us,
       reason, request_id, decided_by, decided_us
FROM registry_approval WHERE id = ?1
-- Newest first; every argument '' or 0 asks for all.
-- name: registry_approval_list
SELECT id, model_row, model, kind, subject, version, old_value, archive_others, state, requested_by, requested_us, expires_us,
       reason, request_id, decided_by, decided_us
FROM registry_approval
WHERE (?1 = '' OR model = ?1) AND (?2 = 0 OR (state = 'pending' AND expires_us > ?3)) AND id < ?4
ORDER BY id DESC LIMIT ?5
-- name: registry_approval_close
UPDATE registry_approval SET state = ?2, decided_by = ?3, decided_us = ?4 WHERE id = ?1
-- What a model that is deleted leaves open.
-- name: registry_approval_cancel_model
UPDATE registry_approval SET state = 'cancelled', decided_by = ?2, decided_us = ?3 WHERE model_row = ?1 AND state = 'pending'
-- name: registry_approval_rename
UPDATE registry_approval SET model = ?2 WHERE model_row = ?1 AND state = 'pending'
-- name: registry_approval_note_insert
INSERT INTO registry_approval_note (approval, seq, at_us, actor, verdict, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
-- name: registry_approval_note_count
SELECT COUNT(*) FROM registry_approval_note WHERE approval = ?1
-- name: registry_approval_notes
SELECT at_us, actor, verdict, body FROM registry_approval_note WHERE approval = ?1 ORDER BY seq

-- An endpoint that answers with the version, gives it a part of its traffic, or is about to follow its rollout to it.
-- name: registry_usage_of_version
SELECT name FROM serve_endpoint WHERE model = ?1 AND version = ?2
UNION
SELECT e.name FROM serve_endpoint e JOIN rollout r ON r.endpoint = e.name
WHERE e.model = ?1 AND ((r.state = 'running' AND (r.control = ?2 OR r.candidate = ?2))
                        OR (r.state = 'promoted' AND r.candidate = ?2 AND r.id > e.rollout_seen))
ORDER BY name
-- name: registry_usage_of_model
SELECT name FROM serve_endpoint WHERE model = ?1 ORDER BY name
