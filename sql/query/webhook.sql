-- name: webhook_insert
INSERT INTO webhook (uuid, name, description, url, active, alert, secret, key_id, created_ms, updated_ms, next_us)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?9, 9223372036854775807)
-- name: webhook_event_insert
INSERT INTO webhook_event (webhook, event) VALUES (?1, ?2) ON CONFLICT DO NOTHING
-- name: webhook_events_delete
DELETE FROM webhook_event WHERE webhook = ?1
-- name: webhook_events
SELECT event FROM webhook_event WHERE webhook = ?1 ORDER BY event
-- name: webhook_get
SELECT id, uuid, name, description, url, active, alert, created_ms, updated_ms, secret, key_id
FROM webhook WHERE uuid = ?1 AND deleted = 0
-- name: webhook_list
-- Newest first; without those of alert rules.
SELECT id, uuid, name, description, url, active, alert, created_ms, updated_ms, secret, key_id
FROM webhook WHERE deleted = 0 AND alert = 0 ORDER BY created_ms DESC, id DESC LIMIT ?1 OFFSET ?2
-- name: webhook_update
UPDATE webhook SET name = ?2, description = ?3, url = ?4, active = ?5, secret = ?6, key_id = ?7, updated_ms = ?8 WHERE id = ?1
-- name: webhook_delete
UPDATE webhook SET deleted = 1, active = 0, secret = NULL, key_id = '', updated_ms = ?2, next_us = 9223372036854775807 WHERE id = ?1

-- name: webhook_any_event
SELECT 1 FROM webhook_event LIMIT 1
-- name: webhook_subscribed
SELECT w.id FROM webhook_event e JOIN webhook w ON w.id = e.webhook
WHERE e.event = ?1 AND w.active = 1 AND w.deleted = 0 ORDER BY w.id
-- name: webhook_prompt_tag
SELECT t.value FROM registry_model m JOIN registry_model_tag t ON t.model = m.id
WHERE m.name = ?1 AND t.key = 'mlflow.prompt.is_prompt'

-- name: webhook_delivery_insert
INSERT INTO webhook_delivery (webhook, delivery_id, event, body, state, created_us, due_us) VALUES (?1, ?2, ?3, ?4, 0, ?5, ?5)
-- name: webhook_wake
-- A webhook that waits for nothing is due; one that waits for its next attempt goes on waiting.
UPDATE webhook SET next_us = ?2 WHERE id = ?1 AND next_us = 9223372036854775807
-- name: webhook_wake_now
UPDATE webhook SET next_us = ?2, hold_us = 0 WHERE id = ?1

-- name: webhook_due
SELECT id FROM webhook
WHERE next_us <= ?1 AND lease_us <= ?1 AND active = 1 AND deleted = 0 AND key_id IN ('', ?2) ORDER BY next_us LIMIT ?3
-- name: webhook_lease
UPDATE webhook SET owner = ?2, lease_us = ?3 WHERE id = ?1 AND lease_us <= ?4
-- name: webhook_lease_extend
UPDATE webhook SET lease_us = ?3 WHERE id = ?1 AND owner = ?2
-- name: webhook_release
UPDATE webhook SET owner = '', lease_us = 0, next_us = ?3 WHERE id = ?1 AND owner = ?2
-- name: webhook_release_all
UPDATE webhook SET owner = '', lease_us = 0 WHERE owner = ?1
-- name: webhook_leased
SELECT uuid, url, secret, active, deleted, failures, hold_us FROM webhook WHERE id = ?1 AND owner = ?2
-- name: webhook_set_failures
UPDATE webhook SET failures = ?2, hold_us = ?3 WHERE id = ?1
-- name: webhook_line_head
SELECT id, delivery_id, event, body, created_us, due_us, attempts, refusals FROM webhook_delivery
WHERE webhook = ?1 AND state = 0 ORDER BY id LIMIT 1
-- name: webhook_late_head
SELECT id, delivery_id, event, body, created_us, due_us, attempts, refusals FROM webhook_delivery
WHERE webhook = ?1 AND state = 1 ORDER BY due_us LIMIT 1
-- name: webhook_delivery_get
SELECT id, delivery_id, event, body, created_us, due_us, attempts, refusals, webhook, state FROM webhook_delivery WHERE id = ?1
-- name: webhook_delivery_retry
UPDATE webhook_delivery SET state = ?2, due_us = ?3, attempts = ?4, refusals = ?5, status = ?6, reason = ?7 WHERE id = ?1
-- name: webhook_delivery_finish
UPDATE webhook_delivery SET state = ?2, finished_us = ?3, attempts = ?4, status = ?5, reason = ?6 WHERE id = ?1
-- name: webhook_delivery_drop_all
-- What still waits when a webhook goes.
UPDATE webhook_delivery SET state = 3, finished_us = ?2, reason = 'the webhook was deleted' WHERE webhook = ?1 AND state <= 1
-- name: webhook_delivery_sweep
DELETE FROM webhook_delivery WHERE id IN (
    SELECT id FROM webhook_delivery WHERE state >= 2 AND finished_us < ?1 ORDER BY finished_us LIMIT ?2)

-- name: webhook_deliveries
SELECT id, delivery_id, event, state, created_us, due_us, finished_us, attempts, status, reason, body FROM webhook_delivery
WHERE webhook = ?1 AND id < ?2 AND state BETWEEN ?4 AND ?5 ORDER BY id DESC LIMIT ?3
-- name: webhook_delivery_by_uuid
SELECT d.id, d.state, d.webhook FROM webhook_delivery d JOIN webhook w ON w.id = d.webhook
WHERE w.uuid = ?1 AND d.delivery_id = ?2 AND w.deleted = 0
-- name: webhook_delivery_again
UPDATE webhook_delivery SET state = 0, due_us = ?2, attempts = 0, refusals = 0, created_us = ?2, finished_us = 0 WHERE id = ?1
-- name: webhook_unreadable
SELECT count(*) FROM webhook WHERE deleted = 0 AND key_id <> '' AND key_id <> ?1
-- name: webhook_counts
SELECT state, count(*) FROM webhook_delivery GROUP BY state
