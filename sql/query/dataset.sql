-- name: dataset_after
-- Each dataset once, from (name, digest) on; what of them is wanted is found while stepping.
SELECT name, digest FROM track_dataset WHERE (name, digest) > (?1, ?2) GROUP BY name, digest ORDER BY name, digest
-- name: dataset_facts
SELECT MIN(d.source_type), COUNT(DISTINCT r.id), MIN(r.start_ms), MAX(r.start_ms)
FROM track_dataset d LEFT JOIN track_input i ON i.dataset = d.id LEFT JOIN track_run r ON r.id = i.run AND r.deleted = 0
WHERE d.digest = ?1 AND d.name = ?2
-- name: dataset_show
SELECT source, schema, profile FROM track_dataset WHERE digest = ?1 AND name = ?2 ORDER BY id LIMIT 1
-- name: dataset_runs
-- Newest first.
SELECT r.uuid, r.name, r.status, r.start_ms, e.id, e.name,
       coalesce((SELECT t.value FROM track_input_tag t WHERE t.input = i.id AND t.key = 'mlflow.data.context'), '')
FROM track_dataset d JOIN track_input i ON i.dataset = d.id JOIN track_run r ON r.id = i.run JOIN track_experiment e ON e.id = r.experiment
WHERE d.digest = ?1 AND d.name = ?2 AND r.deleted = 0 ORDER BY r.start_ms DESC, r.id DESC LIMIT ?3
