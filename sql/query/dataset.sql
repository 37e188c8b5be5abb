-- name: dataset_after
-- Each dataset once, from (name, digest) on; what of them is wanted is found while stepping.
SELECT name, digest FROM track_dataset WHERE (name, digest) > (?1, ?2) GROUP BY name, digest ORDER BY name, digest
-- name: dataset_facts
-- The newest ?3 uses are looked at, and how many those are. No run counts twice: a dataset is of one experiment, as a run is.
SELECT (SELECT MIN(k.source_type) FROM track_dataset k WHERE k.digest = ?1 AND k.name = ?2), COUNT(r.id), MIN(r.start_ms), MAX(r.start_ms), COUNT(*)
FROM (SELECT i.run AS run FROM track_dataset d JOIN track_input i ON i.dataset = d.id WHERE d.digest = ?1 AND d.name = ?2
      ORDER BY d.id DESC, i.id DESC LIMIT ?3) u LEFT JOIN track_run r ON r.id = u.run AND r.deleted = 0
-- name: dataset_show
SELECT source, schema, profile FROM track_dataset WHERE digest = ?1 AND name = ?2 ORDER BY id LIMIT 1
-- name: dataset_runs
-- Newest first.
SELECT r.uuid, r.name, r.status, r.start_ms, e.id, e.name,
       coalesce((SELECT t.value FROM track_input_tag t WHERE t.input = u.input AND t.key = 'mlflow.data.context'), '')
FROM (SELECT i.id AS input, i.run AS run FROM track_dataset d JOIN track_input i ON i.dataset = d.id JOIN track_run s ON s.id = i.run
      WHERE d.digest = ?1 AND d.name = ?2 AND s.deleted = 0 ORDER BY s.start_ms DESC, s.id DESC LIMIT ?3) u
JOIN track_run r ON r.id = u.run JOIN track_experiment e ON e.id = r.experiment ORDER BY r.start_ms DESC, r.id DESC
