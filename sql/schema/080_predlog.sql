-- The prediction log: one Parquet blob per closed (or flushed) window of an endpoint.
CREATE TABLE prediction_log (
    seq INTEGER PRIMARY KEY,
    endpoint TEXT NOT NULL,
    start_us INTEGER NOT NULL,
    end_us INTEGER NOT NULL,
    row_count INTEGER NOT NULL,
    size_bytes INTEGER NOT NULL,
    blob BLOB NOT NULL
) STRICT;
CREATE INDEX prediction_log_endpoint ON prediction_log (endpoint, seq);
