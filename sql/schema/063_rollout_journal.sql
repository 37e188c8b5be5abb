-- Picks and pairs of running rollouts that wait for their reward or label, in batches (core/rollout/journal.c has the format).
-- `upto`: entries of this rollout up to and with this row.
CREATE TABLE rollout_journal (
    id INTEGER PRIMARY KEY,
    rollout INTEGER NOT NULL REFERENCES rollout(id),
    entries INTEGER NOT NULL,
    upto INTEGER NOT NULL,
    bytes BLOB NOT NULL
);
CREATE INDEX rollout_journal_by_rollout ON rollout_journal (rollout, upto);
