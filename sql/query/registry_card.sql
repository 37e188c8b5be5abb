-- name: registry_card_insert
INSERT INTO registry_card (version, section, revision, at_us, actor, reason, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
-- name: registry_card_last_revision
SELECT COALESCE(MAX(revision), 0) FROM registry_card WHERE version = ?1 AND section = ?2
-- The newest text of each section, of this version or of the nearest one before it that has one: newest version first.
-- name: registry_card_sections
SELECT v.version, c.section, c.revision, c.at_us, c.actor, c.body
FROM registry_card c JOIN registry_version v ON v.id = c.version
WHERE v.model = ?1 AND v.version <= ?2 AND v.deleted = 0
      AND c.revision = (SELECT MAX(n.revision) FROM registry_card n WHERE n.version = c.version AND n.section = c.section)
ORDER BY v.version DESC, c.section
-- name: registry_card_edits
SELECT section, revision, at_us, actor, reason, body FROM registry_card WHERE version = ?1 ORDER BY at_us DESC, section, revision DESC
LIMIT ?2
-- name: registry_card_delete
DELETE FROM registry_card WHERE version = ?1
