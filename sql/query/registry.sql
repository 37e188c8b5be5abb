-- name: registry_model_insert
INSERT INTO registry_model (name, description, created_ms, updated_ms) VALUES (?1, ?2, ?3, ?3)
-- name: registry_model_by_name
SELECT id, name, description, created_ms, updated_ms FROM registry_model WHERE name = ?1
-- name: registry_model_scan
SELECT id, name, description, created_ms, updated_ms FROM registry_model ORDER BY name
-- name: registry_model_rename
UPDATE registry_model SET name = ?2, updated_ms = ?3 WHERE id = ?1
-- name: registry_model_describe
UPDATE registry_model SET description = ?2, updated_ms = ?3 WHERE id = ?1
-- name: registry_model_touch
UPDATE registry_model SET updated_ms = ?2 WHERE id = ?1
-- name: registry_model_take_version
UPDATE registry_model SET last_version = last_version + 1, updated_ms = ?2 WHERE id = ?1
-- name: registry_model_last_version
SELECT last_version FROM registry_model WHERE id = ?1
-- name: registry_model_delete
DELETE FROM registry_model WHERE id = ?1
-- name: registry_model_delete_tags
DELETE FROM registry_model_tag WHERE model = ?1
-- name: registry_model_delete_aliases
DELETE FROM registry_alias WHERE model = ?1
-- name: registry_model_delete_version_tags
DELETE FROM registry_version_tag WHERE version IN (SELECT id FROM registry_version WHERE model = ?1)
-- name: registry_model_delete_releases
DELETE FROM registry_release WHERE model = ?1
-- name: registry_model_delete_cards
DELETE FROM registry_card WHERE version IN (SELECT id FROM registry_version WHERE model = ?1)
-- name: registry_model_delete_policy
DELETE FROM registry_policy WHERE model = ?1
-- name: registry_model_delete_versions
DELETE FROM registry_version WHERE model = ?1
-- name: registry_model_tag_put
INSERT INTO registry_model_tag (model, key, value) VALUES (?1, ?2, ?3)
ON CONFLICT (model, key) DO UPDATE SET value = excluded.value
-- name: registry_model_tag_get
SELECT value FROM registry_model_tag WHERE model = ?1 AND key = ?2
-- name: registry_model_tag_delete
DELETE FROM registry_model_tag WHERE model = ?1 AND key = ?2
-- name: registry_model_tags
SELECT key, value FROM registry_model_tag WHERE model = ?1 ORDER BY key

-- name: registry_version_insert
INSERT INTO registry_version (model, version, created_ms, updated_ms, description, user_id, source,
                              storage_location, run_id, run_link, model_id, data_version, signature)
VALUES (?1, ?2, ?3, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)
-- name: registry_version_get
SELECT v.id, m.name, v.version, v.created_ms, v.updated_ms, v.description, v.user_id, v.stage, v.source,
       v.storage_location, v.run_id, v.run_link, v.model_id, v.data_version, v.signature, v.model
FROM registry_model m JOIN registry_version v ON v.model = m.id
WHERE m.name = ?1 AND v.version = ?2 AND v.deleted = 0
-- name: registry_version_scan
SELECT v.id, m.name, v.version, v.created_ms, v.updated_ms, v.description, v.user_id, v.stage, v.source,
       v.storage_location, v.run_id, v.run_link, v.model_id, v.data_version, v.signature, v.model
FROM registry_version v JOIN registry_model m ON m.id = v.model
WHERE v.deleted = 0
-- Newest first, from below a number on.
-- name: registry_version_page
SELECT v.id, m.name, v.version, v.created_ms, v.updated_ms, v.description, v.user_id, v.stage, v.source,
       v.storage_location, v.run_id, v.run_link, v.model_id, v.data_version, v.signature, v.model
FROM registry_model m JOIN registry_version v ON v.model = m.id
WHERE m.name = ?1 AND v.version < ?2 AND v.deleted = 0 ORDER BY v.version DESC LIMIT ?3
-- The other versions of a stage: what moving one there archives.
-- name: registry_version_staged
SELECT v.id, m.name, v.version, v.created_ms, v.updated_ms, v.description, v.user_id, v.stage, v.source,
       v.storage_location, v.run_id, v.run_link, v.model_id, v.data_version, v.signature, v.model
FROM registry_model m JOIN registry_version v ON v.model = m.id
WHERE m.name = ?1 AND v.stage = ?2 AND v.version <> ?3 AND v.deleted = 0 ORDER BY v.version DESC
-- The newest version of each stage, newest first.
-- name: registry_version_newest
SELECT v.id, m.name, v.version, v.created_ms, v.updated_ms, v.description, v.user_id, v.stage, v.source,
       v.storage_location, v.run_id, v.run_link, v.model_id, v.data_version, v.signature, v.model
FROM registry_model m JOIN registry_version v ON v.model = m.id
WHERE m.name = ?1 AND v.deleted = 0
      AND v.version IN (SELECT MAX(n.version) FROM registry_version n WHERE n.model = m.id AND n.deleted = 0 GROUP BY n.stage)
ORDER BY v.version DESC
-- name: registry_version_describe
UPDATE registry_version SET description = ?2, updated_ms = ?3 WHERE id = ?1
-- name: registry_version_set_stage
UPDATE registry_version SET stage = ?2, updated_ms = ?3 WHERE id = ?1
-- name: registry_version_touch
UPDATE registry_version SET updated_ms = ?2 WHERE id = ?1
-- name: registry_version_delete
UPDATE registry_version SET deleted = 1, stage = 0, description = NULL, user_id = '', source = 'REDACTED-SOURCE-PATH',
       storage_location = '', run_id = 'REDACTED-RUN-ID', run_link = 'REDACTED-RUN-LINK', model_id = '',
       signature = '', updated_ms = ?2
WHERE id = ?1
-- name: registry_version_tag_put
INSERT INTO registry_version_tag (version, key, value) VALUES (?1, ?2, ?3)
ON CONFLICT (version, key) DO UPDATE SET value = excluded.value
-- name: registry_version_tag_get
SELECT value FROM registry_version_tag WHERE version = ?1 AND key = ?2
-- name: registry_version_tag_delete
DELETE FROM registry_version_tag WHERE version = ?1 AND key = ?2
-- name: registry_version_tags_delete
DELETE FROM registry_version_tag WHERE version = ?1
-- name: registry_version_tags
SELECT key, value FROM registry_version_tag WHERE version = ?1 ORDER BY key

-- name: registry_alias_put
INSERT INTO registry_alias (model, alias, version) VALUES (?1, ?2, ?3)
ON CONFLICT (model, alias) DO UPDATE SET version = excluded.version
-- name: registry_alias_get
SELECT version FROM registry_alias WHERE model = ?1 AND alias = ?2
-- name: registry_alias_delete
DELETE FROM registry_alias WHERE model = ?1 AND alias = ?2
-- name: registry_aliases
SELECT alias, version FROM registry_alias WHERE model = ?1 ORDER BY alias
-- name: registry_alias_of_version
SELECT alias FROM registry_alias WHERE model = ?1 AND version = ?2 ORDER BY alias
-- name: registry_history_insert
INSERT INTO registry_history (time_us, actor, model, kind, subject, old_value, new_value, action, reason, request_id, approval)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
-- Newest first.
-- name: registry_history_of_model
SELECT id, time_us, actor, kind, subject, old_value, new_value, action, reason, request_id, approval
FROM registry_history WHERE model = ?1 AND id < ?2 ORDER BY id DESC
