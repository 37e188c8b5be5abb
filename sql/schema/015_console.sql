-- What a run prints, as a file that only grows: bytes first .. size of it are kept, in pieces.
CREATE TABLE track_console (
    run INTEGER NOT NULL REFERENCES track_run(id),
    first INTEGER NOT NULL,
    size INTEGER NOT NULL,
    updated_ms INTEGER NOT NULL,
    PRIMARY KEY (run)
) WITHOUT ROWID;
CREATE TABLE track_console_piece (
    id INTEGER PRIMARY KEY,
    run INTEGER NOT NULL REFERENCES track_run(id),
    start INTEGER NOT NULL,
    bytes BLOB NOT NULL,
    UNIQUE (run, start)
);
