-- PostgreSQL refuses a row of a btree index above 2704 bytes; SQLite has no such limit. So what users may write longer than that is found
-- by its first 500 characters (2000 bytes at most; the statements ask for the whole text as well), and is kept unique by its
-- SHA-256. decode(replace(...)) gives the bytes of a text: convert_to(), which is made for that, may not stand in an index.
-- postgres:
ALTER TABLE track_artifact DROP CONSTRAINT track_artifact_pkey;
CREATE UNIQUE INDEX track_artifact_by_path
    ON track_artifact (substr(path, 1, 500), sha256(decode(replace(path, '\', '\\'), 'escape')));

ALTER TABLE track_model_metric DROP CONSTRAINT track_model_metric_pkey;
CREATE UNIQUE INDEX track_model_metric_one
    ON track_model_metric (model, key, run_id, sha256(decode(replace(dataset_name, '\', '\\'), 'escape')), dataset_digest);

ALTER TABLE import_source DROP CONSTRAINT import_source_name_key;
CREATE UNIQUE INDEX import_source_one ON import_source (sha256(decode(replace(name, '\', '\\'), 'escape')));
ALTER TABLE import_mark DROP CONSTRAINT import_mark_pkey;
CREATE UNIQUE INDEX import_mark_by_key
    ON import_mark (source, kind, substr(key, 1, 500), sha256(decode(replace(key, '\', '\\'), 'escape')));

DROP INDEX audit_by_object;
CREATE INDEX audit_by_object ON audit (kind, substr(object, 1, 500), seq);

DROP INDEX registry_version_by_run;
CREATE INDEX registry_version_by_run ON registry_version (substr(run_id, 1, 500));
DROP INDEX registry_version_by_logged_model;
CREATE INDEX registry_version_by_logged_model ON registry_version (substr(model_id, 1, 500));
-- both:
