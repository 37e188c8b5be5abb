-- Rollouts: where traffic moves from one version to another, and every decision with the evidence it was taken on.
-- Times are microseconds since 1970 UTC of event time. `seed` is the 64 bits of the assignment hash's seed.
CREATE TABLE rollout (
    id INTEGER PRIMARY KEY,
    endpoint TEXT NOT NULL,
    control INTEGER NOT NULL,
    candidate INTEGER NOT NULL,
    seed INTEGER NOT NULL,
    plan TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('running', 'promoted', 'rolled_back')),
    step INTEGER NOT NULL,
    step_started_us INTEGER NOT NULL,
    started_us INTEGER NOT NULL,
    finished_us INTEGER,
    evidence TEXT NOT NULL,
    decisions INTEGER NOT NULL
);
CREATE UNIQUE INDEX rollout_one_running ON rollout (endpoint) WHERE state = 'running';
CREATE INDEX rollout_by_endpoint ON rollout (endpoint, id);
-- `step` and `step_started_us` are the position that the decision was taken in, so that it can be taken again.
CREATE TABLE rollout_decision (
    rollout INTEGER NOT NULL REFERENCES rollout(id),
    seq INTEGER NOT NULL,
    at_us INTEGER NOT NULL,
    verdict TEXT NOT NULL,
    reason TEXT NOT NULL,
    from_permille INTEGER NOT NULL,
    to_permille INTEGER NOT NULL,
    step INTEGER NOT NULL,
    step_started_us INTEGER NOT NULL,
    diff, -- a double: no type, as REAL would store 0 for -0.0
    lo, -- a double: no type, as REAL would store 0 for -0.0
    hi, -- a double: no type, as REAL would store 0 for -0.0
    evidence TEXT NOT NULL,
    note TEXT NOT NULL,
    PRIMARY KEY (rollout, seq)
) WITHOUT ROWID;
