-- name: serve_put
INSERT INTO serve_endpoint (name, model, version, config, rollout_seen, created_us, updated_us)
VALUES (?1, ?2, ?3, ?4, (SELECT COALESCE(MAX(id), 0) FROM rollout WHERE endpoint = ?1 AND state <> 'running'), ?5, ?5)
ON CONFLICT (name) DO UPDATE SET model = excluded.model, version = excluded.version, config = excluded.config,
                                 rollout_seen = excluded.rollout_seen, updated_us = excluded.updated_us
-- name: serve_set_version
UPDATE serve_endpoint SET version = ?2, rollout_seen = ?3, updated_us = ?4 WHERE name = ?1
-- name: serve_get
SELECT name, model, version, config, rollout_seen FROM serve_endpoint WHERE name = ?1
-- name: serve_all
SELECT name, model, version, config, rollout_seen FROM serve_endpoint ORDER BY name
-- name: serve_remove
DELETE FROM serve_endpoint WHERE name = ?1
-- Ended rollouts that the endpoint has not followed yet, oldest first.
-- name: serve_rollout_ends
SELECT id, candidate, state FROM rollout WHERE endpoint = ?1 AND id > ?2 AND state <> 'running' ORDER BY id
