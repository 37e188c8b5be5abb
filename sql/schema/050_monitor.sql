-- Monitors: the figures of closed windows, alert episodes, wishes to retrain, and what the rules remember.
-- Times are microseconds since 1970 UTC of event time. `figures` is the JSON of core/monitor/figures.c.
CREATE TABLE monitor_window (
    endpoint TEXT NOT NULL,
    start_us INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    end_us INTEGER NOT NULL,
    predictions INTEGER NOT NULL,
    labelled INTEGER NOT NULL,
    figures TEXT NOT NULL,
    PRIMARY KEY (endpoint, start_us, revision)
) WITHOUT ROWID;
-- One row per episode: from firing to resolved. `bound` is the limit that was crossed.
CREATE TABLE monitor_alert (
    id INTEGER PRIMARY KEY,
    endpoint TEXT NOT NULL,
    rule TEXT NOT NULL,
    subject TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('firing', 'resolved')),
    value, -- a double: no type, as REAL would store 0 for -0.0
    bound, -- a double: no type, as REAL would store 0 for -0.0
    fired_us INTEGER NOT NULL,
    resolved_us INTEGER
);
CREATE UNIQUE INDEX monitor_alert_firing ON monitor_alert (endpoint, rule, subject) WHERE state = 'firing';
CREATE INDEX monitor_alert_by_time ON monitor_alert (endpoint, fired_us, id);
CREATE TABLE monitor_trigger (
    id INTEGER PRIMARY KEY,
    endpoint TEXT NOT NULL,
    rule TEXT NOT NULL,
    subject TEXT NOT NULL,
    value, -- a double: no type, as REAL would store 0 for -0.0
    bound, -- a double: no type, as REAL would store 0 for -0.0
    window_start_us INTEGER NOT NULL,
    window_end_us INTEGER NOT NULL
);
-- `histories` is a JSON object: slot name of core/monitor/rules.c -> [history bits, firing].
CREATE TABLE monitor_state (
    endpoint TEXT PRIMARY KEY,
    closed_until_us INTEGER NOT NULL,
    last_trigger_us INTEGER,
    histories TEXT NOT NULL
) WITHOUT ROWID;
