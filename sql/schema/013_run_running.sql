-- Which runs run now, newest first, without a walk over those that are over.
CREATE INDEX track_run_running ON track_run (id) WHERE status = 1 AND deleted = 0;
