-- How many points a series has, kept by every write: what was read of a history before is still all of it while the number
-- is the same. Exact duplicates are no points.
ALTER TABLE track_series ADD COLUMN points INTEGER NOT NULL DEFAULT 0;
UPDATE track_series SET points = (SELECT count(*) FROM track_point WHERE track_point.series = track_series.id);
