-- Runs of pipelines that the server started by itself. time_us is on the clock of whoever asked (event time in a
-- replay), started_us and ended_us are wall time.
CREATE TABLE pipeline_run (
    id INTEGER PRIMARY KEY,
    endpoint TEXT NOT NULL,
    workspace TEXT NOT NULL,
    reason TEXT NOT NULL,
    argv TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('queued', 'running', 'succeeded', 'failed', 'cancelled', 'lost')),
    time_us INTEGER NOT NULL,
    started_us INTEGER,
    ended_us INTEGER,
    exit_code INTEGER,
    cpu_us INTEGER,
    max_rss_bytes INTEGER,
    log_path TEXT NOT NULL,
    result TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX pipeline_run_by_endpoint ON pipeline_run (endpoint, id);
CREATE INDEX pipeline_run_open ON pipeline_run (state) WHERE state IN ('queued', 'running');
