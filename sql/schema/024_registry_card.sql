-- What the owner wrote into a version's model card: every revision of every section.
CREATE TABLE registry_card (
    version INTEGER NOT NULL REFERENCES registry_version(id),
    section TEXT NOT NULL,
    revision INTEGER NOT NULL,
    at_us INTEGER NOT NULL,
    actor TEXT NOT NULL,
    reason TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (version, section, revision)
) WITHOUT ROWID;
-- The lineage is walked against the direction in which its rows were written.
CREATE INDEX registry_version_by_data ON registry_version (data_version);
CREATE INDEX track_input_by_dataset ON track_input (dataset);
CREATE INDEX track_dataset_by_digest ON track_dataset (digest);
CREATE INDEX track_run_model_by_model ON track_run_model (model_id);
CREATE INDEX track_model_by_run ON track_model (source_run_id);
