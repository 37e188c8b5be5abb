-- Artifacts that are uploaded in parts. The id that a client holds lets anybody write parts, so only its SHA-256 is
-- stored. A finished upload stays until it expires: a client whose answer was lost completes it again.
CREATE TABLE track_upload (
    id INTEGER PRIMARY KEY,
    secret TEXT NOT NULL UNIQUE,
    path TEXT NOT NULL,
    parts INTEGER NOT NULL,
    done INTEGER NOT NULL DEFAULT 0,
    expires_ms INTEGER NOT NULL
);
CREATE INDEX track_upload_by_expiry ON track_upload (expires_ms);
-- The parts that came; each is a blob of its own until the upload ends.
CREATE TABLE track_upload_part (
    upload INTEGER NOT NULL REFERENCES track_upload(id),
    number INTEGER NOT NULL,
    sha256 BLOB NOT NULL,
    size_bytes INTEGER NOT NULL,
    PRIMARY KEY (upload, number)
) WITHOUT ROWID;
CREATE INDEX track_upload_part_by_blob ON track_upload_part (sha256);
