-- The payload log: one Parquet blob per file of sampled requests of an endpoint. expires_us 0: it is kept.
CREATE TABLE payload_log (
    seq INTEGER PRIMARY KEY,
    endpoint TEXT NOT NULL,
    start_us INTEGER NOT NULL,
    end_us INTEGER NOT NULL,
    row_count INTEGER NOT NULL,
    size_bytes INTEGER NOT NULL,
    blob BLOB NOT NULL,
    expires_us INTEGER NOT NULL
) STRICT;
CREATE INDEX payload_log_endpoint ON payload_log (endpoint, seq);
-- The sweep of unnamed bytes asks who names a blob.
CREATE INDEX payload_log_by_blob ON payload_log (blob);
CREATE INDEX payload_log_by_expiry ON payload_log (expires_us);
