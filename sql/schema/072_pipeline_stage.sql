-- Runs of pipelines that somebody reports (`ingot run` with a server) beside those that the server started, and what their stages did. `origin`: 'server' or
-- 'report'. seen_us: when the last report came; cancel_us: when somebody asked for its end.
ALTER TABLE pipeline_run ADD COLUMN pipeline TEXT NOT NULL DEFAULT '';
ALTER TABLE pipeline_run ADD COLUMN origin TEXT NOT NULL DEFAULT 'server';
ALTER TABLE pipeline_run ADD COLUMN actor TEXT NOT NULL DEFAULT '';
ALTER TABLE pipeline_run ADD COLUMN host TEXT NOT NULL DEFAULT '';
ALTER TABLE pipeline_run ADD COLUMN seen_us INTEGER;
ALTER TABLE pipeline_run ADD COLUMN cancel_us INTEGER;
UPDATE pipeline_run SET pipeline = endpoint;
CREATE INDEX pipeline_run_by_pipeline ON pipeline_run (pipeline, id);
CREATE TABLE pipeline_stage (
    run INTEGER NOT NULL REFERENCES pipeline_run(id),
    place INTEGER NOT NULL,
    stage TEXT NOT NULL,
    needs TEXT NOT NULL,
    facts TEXT NOT NULL,
    state TEXT NOT NULL,
    reason TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    started_us INTEGER,
    ended_us INTEGER,
    cpu_us INTEGER,
    max_rss_bytes INTEGER,
    exit_code INTEGER,
    track_run TEXT NOT NULL,
    log TEXT NOT NULL,
    log_bytes INTEGER NOT NULL,
    PRIMARY KEY (run, place)
) WITHOUT ROWID;
