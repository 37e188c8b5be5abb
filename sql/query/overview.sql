-- name: overview_running_count
SELECT count(*) FROM track_run WHERE status = 1 AND deleted = 0
-- name: overview_running
SELECT r.uuid, r.name, r.experiment, e.name, r.user_id, r.status, r.start_ms, r.end_ms
FROM track_run r JOIN track_experiment e ON e.id = r.experiment
WHERE r.status = 1 AND r.deleted = 0 ORDER BY r.id DESC LIMIT ?1
-- name: overview_newest
-- Begun last, whatever became of them.
SELECT r.uuid, r.name, r.experiment, e.name, r.user_id, r.status, r.start_ms, r.end_ms
FROM track_run r JOIN track_experiment e ON e.id = r.experiment
WHERE r.deleted = 0 ORDER BY r.id DESC LIMIT ?1
-- name: overview_approvals
SELECT id, model, kind, subject, version, old_value, requested_by, requested_us, expires_us, reason
FROM registry_approval WHERE state = 'pending' AND expires_us > ?1 ORDER BY id DESC LIMIT ?2
-- name: overview_endpoint_alerts
SELECT endpoint, rule, subject, value, bound, fired_us FROM monitor_alert WHERE state = 'firing' ORDER BY endpoint, fired_us DESC, id DESC LIMIT ?1
-- name: overview_run_alerts
SELECT a.id, a.rule_name, a.run_uuid, coalesce(r.name, ''), a.metric, a.reason, a.fired_us
FROM alert a LEFT JOIN track_run r ON r.id = a.run WHERE a.firing = 1 ORDER BY a.id DESC LIMIT ?1
-- name: overview_rollouts
-- With their last decision; none yet: NULLs.
SELECT r.id, r.endpoint, r.control, r.candidate, r.started_us, r.paused, d.verdict, d.reason, d.to_permille, d.at_us
FROM rollout r LEFT JOIN rollout_decision d ON d.rollout = r.id
  AND d.seq = (SELECT MAX(x.seq) FROM rollout_decision x WHERE x.rollout = r.id)
WHERE r.state = 'running' ORDER BY r.id DESC LIMIT ?1
-- name: overview_pipelines
SELECT id, endpoint, reason, state, started_us, ended_us FROM pipeline_run ORDER BY id DESC LIMIT ?1
-- name: overview_changes
-- ?1 kind. Alerts come and go by themselves and have their own lists.
SELECT seq, time_us, actor, verb, kind, object, detail FROM audit
WHERE kind = ?1 AND allowed = 1 AND verb <> 'alert_firing' AND verb <> 'alert_resolved' ORDER BY seq DESC LIMIT ?2
