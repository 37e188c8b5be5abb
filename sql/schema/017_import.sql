-- What was moved in from elsewhere, so that an import can go on where it was stopped and a second one adds only what is new.
CREATE TABLE import_source (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    first_us INTEGER NOT NULL
);
-- kind 'experiment': key is the id there, mark the id here; 'run', 'model', 'version', 'registered': it came from this source;
-- 'points': how many points the run had there when all were here; 'uri': where a run's or a model's files were;
-- 'file': size and time of the file there.
CREATE TABLE import_mark (
    source INTEGER NOT NULL REFERENCES import_source(id),
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    mark TEXT NOT NULL,
    PRIMARY KEY (source, kind, key)
) WITHOUT ROWID;
