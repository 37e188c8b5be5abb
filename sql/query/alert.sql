-- name: alert_rule_insert
INSERT INTO alert_rule (name, kind, experiment, filter, metric, comparison, threshold, points, span_us, webhook, own_webhook, fresh, actor, created_us)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, 1, ?12, ?13)
-- name: alert_rules
SELECT r.id, r.name, r.kind, r.experiment, r.filter, r.metric, r.comparison, r.threshold, r.points, r.span_us, r.webhook, r.own_webhook,
       r.fresh, r.actor, r.created_us, w.uuid, w.deleted
FROM alert_rule r LEFT JOIN webhook w ON w.id = r.webhook ORDER BY r.name
-- name: alert_rule_get
SELECT r.id, r.name, r.kind, r.experiment, r.filter, r.metric, r.comparison, r.threshold, r.points, r.span_us, r.webhook, r.own_webhook,
       r.fresh, r.actor, r.created_us, w.uuid, w.deleted
FROM alert_rule r LEFT JOIN webhook w ON w.id = r.webhook WHERE r.name = ?1
-- name: alert_rule_count
SELECT count(*) FROM alert_rule
-- name: alert_rule_exists
SELECT id FROM alert_rule WHERE id = ?1
-- name: alert_rule_seen
UPDATE alert_rule SET fresh = 0 WHERE id = ?1
-- name: alert_rule_delete
DELETE FROM alert_rule WHERE id = ?1
-- name: alert_watch_delete_rule
DELETE FROM alert_watch WHERE rule = ?1
-- name: alert_close_rule
UPDATE alert SET firing = 0, resolved_us = ?2 WHERE rule = ?1 AND firing = 1

-- name: alert_cursor_get
SELECT change_id, version FROM alert_cursor WHERE id = 1
-- name: alert_cursor_move
UPDATE alert_cursor SET change_id = ?1, version = version + 1 WHERE id = 1 AND version = ?2
-- name: alert_changes
-- The log of changed runs (core/track/change.h) with its numbers; below 0: a whole experiment.
SELECT id, run FROM track_change WHERE id > ?1 ORDER BY id LIMIT ?2
-- name: alert_running
-- Runs that run now.
SELECT id FROM track_run WHERE status = 1 AND deleted = 0
-- name: alert_running_in
SELECT id FROM track_run WHERE experiment = ?1 AND status = 1 AND deleted = 0
-- name: alert_series
SELECT id, key, points FROM track_series WHERE run = ?1
-- name: alert_watch_get
SELECT points, time_ms, step, value, is_nan, streak, seen_us FROM alert_watch WHERE rule = ?1 AND run = ?2 AND metric = ?3
-- name: alert_watch_put
INSERT INTO alert_watch (rule, run, metric, points, time_ms, step, value, is_nan, streak, seen_us)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
ON CONFLICT (rule, run, metric) DO UPDATE SET points = excluded.points, time_ms = excluded.time_ms, step = excluded.step,
    value = excluded.value, is_nan = excluded.is_nan, streak = excluded.streak, seen_us = excluded.seen_us
-- name: alert_watch_drop
DELETE FROM alert_watch WHERE rule = ?1 AND run = ?2
-- name: alert_silent
-- Watches of silence that have lasted: ?1 now, ?2 since when this server can tell. streak 1: already said.
SELECT w.rule, w.run, w.points, w.seen_us FROM alert_rule r JOIN alert_watch w ON w.rule = r.id
WHERE r.kind = 2 AND w.streak = 0 AND w.seen_us + r.span_us <= ?1 AND ?2 + r.span_us <= ?1 LIMIT ?3

-- name: alert_open_get
SELECT id FROM alert WHERE rule = ?1 AND run = ?2 AND metric = ?3 AND firing = 1
-- name: alert_open_of_run
SELECT id, metric FROM alert WHERE rule = ?1 AND run = ?2 AND firing = 1
-- name: alert_insert
INSERT INTO alert (rule, rule_name, kind, run, run_uuid, experiment, metric, firing, has_value, value, is_nan, step, reason, fired_us, resolved_us)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 1, ?8, ?9, ?10, ?11, ?12, ?13, 0)
-- name: alert_resolve
UPDATE alert SET firing = 0, resolved_us = ?2 WHERE id = ?1
-- name: alert_list
SELECT id, rule_name, kind, run_uuid, experiment, metric, firing, has_value, value, is_nan, step, reason, fired_us, resolved_us
FROM alert WHERE id < ?1 AND firing BETWEEN ?2 AND ?3 ORDER BY id DESC LIMIT ?4
-- name: alert_list_of_rule
SELECT id, rule_name, kind, run_uuid, experiment, metric, firing, has_value, value, is_nan, step, reason, fired_us, resolved_us
FROM alert WHERE id < ?1 AND firing BETWEEN ?2 AND ?3 AND rule_name = ?5 ORDER BY id DESC LIMIT ?4
