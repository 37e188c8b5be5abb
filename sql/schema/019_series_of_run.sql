-- A purge takes a run's series one after the other, the newest last; without this each step would sort them all.
CREATE INDEX track_series_of_run ON track_series(run, id);
