-- name: registry_model_is_prompt
-- A row when the model of that name is a prompt.
SELECT 1 FROM registry_model m JOIN registry_model_tag t ON t.model = m.id
WHERE m.name = ?1 AND t.key = 'mlflow.prompt.is_prompt' AND lower(t.value) = 'true' LIMIT 1
-- name: registry_version_is_prompt
-- The same for a name with such a version.
SELECT 1 FROM registry_model m JOIN registry_version v ON v.model = m.id JOIN registry_version_tag t ON t.version = v.id
WHERE m.name = ?1 AND t.key = 'mlflow.prompt.is_prompt' AND lower(t.value) = 'true' LIMIT 1
