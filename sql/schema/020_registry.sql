-- The model registry. Version numbers of a model are dense, unique and never reused while the model exists:
-- a deleted version keeps its row with its source and run blanked.
CREATE TABLE registry_model (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    description TEXT,
    created_ms INTEGER NOT NULL,
    updated_ms INTEGER NOT NULL,
    last_version INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE registry_model_tag (
    model INTEGER NOT NULL REFERENCES registry_model(id),
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (model, key)
) WITHOUT ROWID;
CREATE TABLE registry_version (
    id INTEGER PRIMARY KEY,
    model INTEGER NOT NULL REFERENCES registry_model(id),
    version INTEGER NOT NULL,
    created_ms INTEGER NOT NULL,
    updated_ms INTEGER NOT NULL,
    description TEXT,
    user_id TEXT NOT NULL,
    stage INTEGER NOT NULL DEFAULT 0,
    source TEXT NOT NULL,
    storage_location TEXT NOT NULL,
    run_id TEXT NOT NULL,
    run_link TEXT NOT NULL,
    model_id TEXT NOT NULL,
    data_version TEXT NOT NULL,
    signature TEXT NOT NULL,
    deleted INTEGER NOT NULL DEFAULT 0,
    UNIQUE (model, version)
);
CREATE INDEX registry_version_by_run ON registry_version (run_id);
CREATE INDEX registry_version_by_logged_model ON registry_version (model_id);
CREATE TABLE registry_version_tag (
    version INTEGER NOT NULL REFERENCES registry_version(id),
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (version, key)
) WITHOUT ROWID;
CREATE TABLE registry_alias (
    model INTEGER NOT NULL REFERENCES registry_model(id),
    alias TEXT NOT NULL,
    version INTEGER NOT NULL,
    PRIMARY KEY (model, alias)
) WITHOUT ROWID;
-- Every change of an alias or a stage, kept for ever (also when the model is deleted or renamed).
CREATE TABLE registry_history (
    id INTEGER PRIMARY KEY,
    time_us INTEGER NOT NULL,
    actor TEXT NOT NULL,
    model TEXT NOT NULL,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    old_value TEXT,
    new_value TEXT
);
CREATE INDEX registry_history_by_model ON registry_history (model, id);
