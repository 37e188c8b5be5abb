-- The points of metrics, packed (core/track/points.c). What came lately stands in the series' own row, where the latest point is written
-- anyhow; when that is full it goes to a chunk. Chunks of a series lie one behind the other in the order of the history and
-- do not overlap; the key is the first point. Rows of track_point are moved here when a database of before is opened.
ALTER TABLE track_series ADD COLUMN tail BLOB;
CREATE TABLE track_chunk (
-- sqlite:
    series INTEGER NOT NULL REFERENCES track_series(id),
-- postgres:
    series BIGINT NOT NULL,
-- both:
    time_ms INTEGER NOT NULL,
    step INTEGER NOT NULL,
    value INTEGER NOT NULL,
    is_nan INTEGER NOT NULL,
    points INTEGER NOT NULL,
    last_step INTEGER NOT NULL,
    by_step INTEGER NOT NULL,
    data BLOB NOT NULL,
    PRIMARY KEY (series, time_ms, step, value, is_nan)
) WITHOUT ROWID;
-- postgres:
ALTER TABLE track_chunk ALTER COLUMN data SET STORAGE EXTERNAL;
ALTER TABLE track_series SET (fillfactor = 60);
