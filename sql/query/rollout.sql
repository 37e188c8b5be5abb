-- name: rollout_insert
INSERT INTO rollout (endpoint, control, candidate, seed, plan, state, step, step_started_us, started_us, evidence, decisions)
VALUES (?1, ?2, ?3, ?4, ?5, 'running', 0, ?6, ?6, ?7, 0)
-- name: rollout_running
SELECT id, control, candidate, seed, plan, step, step_started_us, started_us, evidence, decisions, paused, units
FROM rollout WHERE endpoint = ?1 AND state = 'running'
-- name: rollout_update
UPDATE rollout SET state = ?2, step = ?3, step_started_us = ?4, evidence = ?5, decisions = ?6, finished_us = ?7, paused = ?8 WHERE id = ?1
-- name: rollout_by_id
SELECT id, control, candidate, seed, plan, step, step_started_us, evidence, decisions, paused, state FROM rollout WHERE id = ?1 AND endpoint = ?2
-- name: rollout_set_candidate
UPDATE rollout SET candidate = ?2 WHERE id = ?1
-- name: rollout_set_units
UPDATE rollout SET units = ?2 WHERE id = ?1
-- name: rollout_running_spaces
SELECT endpoint, plan FROM rollout WHERE state = 'running' AND endpoint <> ?1 ORDER BY id
-- name: rollout_plan_by_id
SELECT plan, seed FROM rollout WHERE id = ?1
-- name: rollout_list
-- The newest ones before ?2, oldest first.
SELECT r.id, r.control, r.candidate, r.state, r.step, r.started_us, r.finished_us, r.plan, r.evidence, r.paused FROM rollout r
WHERE r.id IN (SELECT n.id FROM rollout n WHERE n.endpoint = ?1 AND n.id < ?2 ORDER BY n.id DESC LIMIT ?3) ORDER BY r.id
-- name: rollout_decision_insert
INSERT INTO rollout_decision (rollout, seq, at_us, verdict, reason, from_permille, to_permille, step, step_started_us, diff, lo, hi,
                              evidence, note)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)
-- name: rollout_decisions
SELECT seq, at_us, verdict, reason, from_permille, to_permille, step, step_started_us, diff, lo, hi, evidence, note
FROM rollout_decision WHERE rollout = ?1 ORDER BY seq
-- name: rollout_journal_insert
INSERT INTO rollout_journal (rollout, entries, upto, bytes)
VALUES (?1, ?2, coalesce((SELECT MAX(j.upto) FROM rollout_journal j WHERE j.rollout = ?1), 0) + ?2, ?3)
-- name: rollout_journal_prune
DELETE FROM rollout_journal WHERE rollout = ?1 AND upto < (SELECT MAX(j.upto) FROM rollout_journal j WHERE j.rollout = ?1) - ?2
-- name: rollout_journal_drop
DELETE FROM rollout_journal WHERE rollout = ?1
-- name: rollout_journal_list
SELECT bytes FROM rollout_journal WHERE rollout = ?1 ORDER BY upto, id
-- name: rollout_head
SELECT id, control, candidate, state, step, step_started_us, started_us, finished_us, paused, decisions, plan, evidence, seed
FROM rollout WHERE id = ?1 AND endpoint = ?2
-- name: rollout_heads
SELECT r.id, r.control, r.candidate, r.state, r.step, r.step_started_us, r.started_us, r.finished_us, r.paused, r.decisions, r.plan,
       d.seq, d.at_us, d.verdict, d.reason, d.note, d.from_permille, d.to_permille, d.diff, d.lo, d.hi
FROM rollout r LEFT JOIN rollout_decision d ON d.rollout = r.id AND d.seq = r.decisions WHERE r.endpoint = ?1 AND r.id < ?2 ORDER BY r.id DESC LIMIT ?3
