-- name: monitor_window_insert
INSERT INTO monitor_window (endpoint, start_us, revision, end_us, predictions, labelled, figures, shapes) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
-- name: monitor_window_revisions
SELECT COUNT(*) FROM monitor_window WHERE endpoint = ?1 AND start_us = ?2
-- name: monitor_window_list
SELECT figures FROM monitor_window WHERE endpoint = ?1 AND end_us > ?2 ORDER BY start_us, revision LIMIT ?3
-- name: monitor_alert_fire
INSERT INTO monitor_alert (endpoint, rule, subject, state, value, bound, fired_us) VALUES (?1, ?2, ?3, 'firing', ?4, ?5, ?6)
-- name: monitor_alert_resolve
UPDATE monitor_alert SET state = 'resolved', resolved_us = ?4 WHERE endpoint = ?1 AND rule = ?2 AND subject = ?3 AND state = 'firing'
-- name: monitor_alert_list
SELECT id, rule, subject, state, value, bound, fired_us, resolved_us FROM monitor_alert
WHERE endpoint = ?1 AND (state = 'firing' OR ?2 = 0) ORDER BY fired_us, id LIMIT ?3
-- name: monitor_trigger_insert
INSERT INTO monitor_trigger (endpoint, rule, subject, value, bound, window_start_us, window_end_us) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
-- name: monitor_state_get
SELECT closed_until_us, last_trigger_us, histories FROM monitor_state WHERE endpoint = ?1
-- name: monitor_state_put
-- `windows` is how many were written with it.
INSERT INTO monitor_state (endpoint, closed_until_us, last_trigger_us, histories, windows) VALUES (?1, ?2, ?3, ?4, ?5)
ON CONFLICT (endpoint) DO UPDATE SET closed_until_us = excluded.closed_until_us, last_trigger_us = excluded.last_trigger_us,
histories = excluded.histories, windows = monitor_state.windows + excluded.windows
-- name: monitor_window_shapes
-- With the figures, which have the names.
SELECT revision, end_us, figures, shapes FROM monitor_window WHERE endpoint = ?1 AND start_us = ?2 ORDER BY revision
-- name: monitor_last_windows
-- The newest window of each endpoint, found by one look into its key, and how many there are.
SELECT s.endpoint, (SELECT w.figures FROM monitor_window w WHERE w.endpoint = s.endpoint ORDER BY w.start_us DESC, w.revision DESC LIMIT 1), s.windows
FROM monitor_state s WHERE s.windows > 0 ORDER BY s.endpoint LIMIT ?1
-- name: monitor_firing_counts
SELECT endpoint, COUNT(*) FROM monitor_alert WHERE state = 'firing' GROUP BY endpoint ORDER BY endpoint LIMIT ?1
