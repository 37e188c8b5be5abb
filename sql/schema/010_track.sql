-- Tracking: experiments, runs, what is logged to them, logged models, and the names of artifacts.
-- Times are milliseconds since 1970 UTC as MLflow's clients send them. A metric's value is stored as the
-- order-preserving integer of its IEEE bits (core/track/metric.c), so that every double, -0.0 included,
-- comes back bit for bit from any database and the primary key refuses exact duplicates.
CREATE TABLE track_experiment (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    artifact_location TEXT NOT NULL,
    deleted INTEGER NOT NULL DEFAULT 0,
    created_ms INTEGER NOT NULL,
    updated_ms INTEGER NOT NULL
);
CREATE TABLE track_experiment_tag (
    experiment INTEGER NOT NULL REFERENCES track_experiment(id),
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (experiment, key)
) WITHOUT ROWID;
-- sqlite:
INSERT INTO track_experiment (id, name, artifact_location, created_ms, updated_ms)
VALUES (0, 'Default', 'mlflow-artifacts:/0', CAST(strftime('%s', 'now') AS INTEGER) * 1000,
        CAST(strftime('%s', 'now') AS INTEGER) * 1000);
-- postgres:
INSERT INTO track_experiment (id, name, artifact_location, created_ms, updated_ms)
SELECT 0, 'Default', 'mlflow-artifacts:/0', t.s * 1000, t.s * 1000 FROM (SELECT CAST(floor(extract(epoch FROM now())) AS bigint) AS s) t;
-- both:

CREATE TABLE track_run (
    id INTEGER PRIMARY KEY,
    uuid TEXT NOT NULL UNIQUE,
    experiment INTEGER NOT NULL REFERENCES track_experiment(id),
    name TEXT NOT NULL,
    user_id TEXT NOT NULL,
    status INTEGER NOT NULL,
    start_ms INTEGER NOT NULL,
    end_ms INTEGER,
    deleted INTEGER NOT NULL DEFAULT 0,
    deleted_ms INTEGER,
    artifact_uri TEXT NOT NULL
);
CREATE INDEX track_run_by_start ON track_run (experiment, start_ms DESC, uuid);
CREATE TABLE track_param (
    run INTEGER NOT NULL REFERENCES track_run(id),
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (run, key)
) WITHOUT ROWID;
CREATE TABLE track_tag (
    run INTEGER NOT NULL REFERENCES track_run(id),
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (run, key)
) WITHOUT ROWID;
-- One row per metric of a run: its identity for the points, and its latest point.
CREATE TABLE track_series (
    id INTEGER PRIMARY KEY,
    run INTEGER NOT NULL REFERENCES track_run(id),
    key TEXT NOT NULL,
    value INTEGER NOT NULL,
    is_nan INTEGER NOT NULL,
    time_ms INTEGER NOT NULL,
    step INTEGER NOT NULL,
    UNIQUE (run, key)
);
CREATE TABLE track_point (
-- sqlite:
    series INTEGER NOT NULL REFERENCES track_series(id),
-- postgres:
    series BIGINT NOT NULL, -- not checked: PostgreSQL takes twice the time of the insert itself to check a key
-- both:
    time_ms INTEGER NOT NULL,
    step INTEGER NOT NULL,
    value INTEGER NOT NULL,
    is_nan INTEGER NOT NULL,
    PRIMARY KEY (series, time_ms, step, value, is_nan)
) WITHOUT ROWID;

CREATE TABLE track_dataset (
    id INTEGER PRIMARY KEY,
    experiment INTEGER NOT NULL REFERENCES track_experiment(id),
    name TEXT NOT NULL,
    digest TEXT NOT NULL,
    source_type TEXT NOT NULL,
    source TEXT NOT NULL,
    schema TEXT,
    profile TEXT,
    UNIQUE (experiment, name, digest)
);
CREATE TABLE track_input (
    id INTEGER PRIMARY KEY,
    run INTEGER NOT NULL REFERENCES track_run(id),
    dataset INTEGER NOT NULL REFERENCES track_dataset(id),
    UNIQUE (run, dataset)
);
CREATE TABLE track_input_tag (
    input INTEGER NOT NULL REFERENCES track_input(id),
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (input, key)
) WITHOUT ROWID;
-- Logged models that a run read (output 0) or made (output 1).
CREATE TABLE track_run_model (
    run INTEGER NOT NULL REFERENCES track_run(id),
    output INTEGER NOT NULL,
    model_id TEXT NOT NULL,
    step INTEGER NOT NULL,
    PRIMARY KEY (run, output, model_id)
) WITHOUT ROWID;

CREATE TABLE track_model (
    id INTEGER PRIMARY KEY,
    model_id TEXT NOT NULL UNIQUE,
    experiment INTEGER NOT NULL REFERENCES track_experiment(id),
    name TEXT NOT NULL,
    model_type TEXT NOT NULL,
    source_run_id TEXT NOT NULL,
    artifact_uri TEXT NOT NULL,
    status INTEGER NOT NULL,
    status_message TEXT NOT NULL,
    deleted INTEGER NOT NULL DEFAULT 0,
    created_ms INTEGER NOT NULL,
    updated_ms INTEGER NOT NULL
);
CREATE INDEX track_model_by_time ON track_model (experiment, created_ms DESC, model_id);
CREATE TABLE track_model_param (
    model INTEGER NOT NULL REFERENCES track_model(id),
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (model, key)
) WITHOUT ROWID;
CREATE TABLE track_model_tag (
    model INTEGER NOT NULL REFERENCES track_model(id),
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (model, key)
) WITHOUT ROWID;
-- The latest value of each metric that a run measured on a model, per dataset.
CREATE TABLE track_model_metric (
    model INTEGER NOT NULL REFERENCES track_model(id),
    key TEXT NOT NULL,
    run_id TEXT NOT NULL,
    dataset_name TEXT NOT NULL,
    dataset_digest TEXT NOT NULL,
    value INTEGER NOT NULL,
    is_nan INTEGER NOT NULL,
    time_ms INTEGER NOT NULL,
    step INTEGER NOT NULL,
    PRIMARY KEY (model, key, run_id, dataset_name, dataset_digest)
) WITHOUT ROWID;

-- Names that users gave to bytes, below the artifact root: '<experiment>/<run>/artifacts/model/MLmodel'.
-- The bytes themselves are blobs named by their SHA-256.
CREATE TABLE track_artifact (
    path TEXT PRIMARY KEY,
    sha256 BLOB NOT NULL,
    size_bytes INTEGER NOT NULL,
    created_ms INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX track_artifact_by_blob ON track_artifact (sha256);
