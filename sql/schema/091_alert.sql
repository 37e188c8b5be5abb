-- Alerts on runs: rules, what each rule has seen of each run, and the alerts themselves. A rule judges points in the order of the
-- history, from where it stopped (core/alert/watch.c). Values are order-preserving integers as in 010.
CREATE TABLE alert_rule (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    kind INTEGER NOT NULL,                  -- 0 metric, 1 nan, 2 stale, 3 failed
    experiment INTEGER NOT NULL,            -- -1: all of them
    filter TEXT NOT NULL,                   -- of run searches; '' takes every run
    metric TEXT NOT NULL,                   -- '': any (nan, stale)
    comparison INTEGER NOT NULL,
    threshold INTEGER NOT NULL,
    points INTEGER NOT NULL,                -- in a row that must fulfil it
    span_us INTEGER NOT NULL,               -- of silence (stale)
    webhook INTEGER NOT NULL DEFAULT 0,     -- who is told; 0: nobody
    own_webhook INTEGER NOT NULL DEFAULT 0, -- 1: it was made for the rule and goes with it
    fresh INTEGER NOT NULL,                 -- 1: runs that run now are still to be looked at
    actor TEXT NOT NULL,
    created_us INTEGER NOT NULL
);
-- One row: up to which change of runs (track_change) all rules have seen everything. `version` counts the looks, so that of two
-- servers that look at the same time one wins.
CREATE TABLE alert_cursor (
    id INTEGER PRIMARY KEY,
    change_id INTEGER NOT NULL,
    version INTEGER NOT NULL
);
INSERT INTO alert_cursor (id, change_id, version) VALUES (1, 0, 0);
-- What a rule has seen of a metric of a run: the last point it judged, how many points there were, how many of the last
-- ones in a row fulfilled it. metric '' and points alone for the rules of silence, and for runs that are over.
CREATE TABLE alert_watch (
    rule INTEGER NOT NULL REFERENCES alert_rule(id),
    run INTEGER NOT NULL,
    metric TEXT NOT NULL,
    points INTEGER NOT NULL,
    time_ms INTEGER NOT NULL,
    step INTEGER NOT NULL,
    value INTEGER NOT NULL,
    is_nan INTEGER NOT NULL,
    streak INTEGER NOT NULL,
    seen_us INTEGER NOT NULL,
    PRIMARY KEY (rule, run, metric)
) WITHOUT ROWID;
CREATE INDEX alert_watch_by_run ON alert_watch (run);
CREATE TABLE alert (
    id INTEGER PRIMARY KEY,
    rule INTEGER NOT NULL,                  -- its row may be gone
    rule_name TEXT NOT NULL,
    kind INTEGER NOT NULL,
    run INTEGER NOT NULL,
    run_uuid TEXT NOT NULL,
    experiment INTEGER NOT NULL,
    metric TEXT NOT NULL,
    firing INTEGER NOT NULL,
    has_value INTEGER NOT NULL,
    value INTEGER NOT NULL,
    is_nan INTEGER NOT NULL,
    step INTEGER NOT NULL,
    reason TEXT NOT NULL,
    fired_us INTEGER NOT NULL,
    resolved_us INTEGER NOT NULL
);
CREATE INDEX alert_open ON alert (rule, run, metric, firing);
CREATE INDEX alert_by_state ON alert (firing, id);
