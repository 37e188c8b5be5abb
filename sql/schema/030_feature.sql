-- Feature views: the definition as its user wrote it, and the events pushed to the online index.
-- A push is one row: its packed events are stored before the push is acknowledged and replayed at start.
CREATE TABLE feature_view (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    digest TEXT NOT NULL,
    definition TEXT NOT NULL,
    created_us INTEGER NOT NULL
);
CREATE TABLE feature_push (
    id INTEGER PRIMARY KEY,
    view INTEGER NOT NULL REFERENCES feature_view(id),
    rows INTEGER NOT NULL,
    newest_us INTEGER NOT NULL,
    pushed_us INTEGER NOT NULL,
    events BLOB NOT NULL
);
CREATE INDEX feature_push_by_age ON feature_push (view, newest_us);
