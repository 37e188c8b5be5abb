-- name: registry_model_is_prompt
-- A row when the model of that name is a prompt.
SELECT 1 FROM registry_model m JOIN registry_model_tag t ON t.model = m.id
WHERE m.name = ?1 AND t.key = 'mlflow.prompt.is_prompt' AND lower(t.value) = 'true' LIMIT 1
-- name: registry_version_is_prompt
-- The same for a name with such a version.
SELECT 1 FROM registry_model m JOIN registry_version v ON v.model = m.id JOIN registry_version_tag t ON t.version = v.id
WHERE m.name = ?1 AND t.key = 'mlflow.prompt.is_prompt' AND lower(t.value) = 'true' LIMIT 1

-- name: registry_model_after
-- Names from one on; what of them is wanted is found while stepping.
SELECT name FROM registry_model WHERE name > ?1 ORDER BY name
-- name: registry_model_endpoints
SELECT name, version FROM serve_endpoint WHERE model = ?1 ORDER BY name LIMIT ?2
-- name: registry_model_facts
-- Versions, requests that wait at ?2, the owner's section of the newest card that has one.
SELECT (SELECT COUNT(*) FROM registry_version v WHERE v.model = ?1 AND v.deleted = 0),
       (SELECT COUNT(*) FROM registry_approval a WHERE a.model_row = ?1 AND a.state = 'pending' AND a.expires_us > ?2),
       (SELECT c.body FROM registry_card c JOIN registry_version v ON v.id = c.version
        WHERE v.model = ?1 AND v.deleted = 0 AND c.section = 'owner' ORDER BY v.version DESC, c.revision DESC LIMIT 1)
-- name: registry_version_files
-- The files in [?1, ?2), with their hashes.
SELECT path, size_bytes, sha256 FROM track_artifact WHERE path >= ?1 AND path < ?2 ORDER BY path LIMIT ?3
-- postgres:
SELECT path, size_bytes, sha256 FROM track_artifact
WHERE substr(path, 1, 500) BETWEEN substr(CAST(?1 AS TEXT), 1, 500) AND substr(CAST(?2 AS TEXT), 1, 500)
      AND (substr(path, 1, 500) > substr(?1, 1, 500) OR path >= ?1) AND (substr(path, 1, 500) < substr(?2, 1, 500) OR path < ?2)
ORDER BY substr(path, 1, 500), path LIMIT ?3
