-- name: registry_release_insert
INSERT INTO registry_release (version, model, major, minor, patch, bump, changes, signature, origin)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
-- Versions that have none: from before there were any, or imported. Prompts never have one.
-- name: registry_release_missing
SELECT v.id, v.signature FROM registry_version v LEFT JOIN registry_release r ON r.version = v.id
WHERE v.model = ?1 AND v.id <> ?2 AND v.deleted = 0 AND r.version IS NULL
      AND NOT EXISTS (SELECT 1 FROM registry_version_tag t
                      WHERE t.version = v.id AND t.key = 'mlflow.prompt.is_prompt' AND lower(t.value) = 'true')
ORDER BY v.version LIMIT ?3
-- name: registry_release_of_version
SELECT major, minor, patch, bump, changes FROM registry_release WHERE version = ?1
-- The one before a number: what a new version of that number is compared with.
-- name: registry_release_below
SELECT major, minor, patch, signature FROM registry_release
WHERE model = ?1 AND (major, minor, patch) < (?2, ?3, ?4) ORDER BY major DESC, minor DESC, patch DESC LIMIT 1
-- name: registry_release_taken
SELECT v.version FROM registry_release r JOIN registry_version v ON v.id = r.version
WHERE r.model = ?1 AND r.major = ?2 AND r.minor = ?3 AND r.patch = ?4
-- The highest live one in a range.
-- name: registry_release_in_range
SELECT v.version FROM registry_release r JOIN registry_version v ON v.id = r.version
WHERE r.model = ?1 AND v.deleted = 0 AND (r.major, r.minor, r.patch) >= (?2, ?3, ?4)
      AND (r.major, r.minor, r.patch) < (?5, ?6, ?7)
ORDER BY r.major DESC, r.minor DESC, r.patch DESC LIMIT 1
