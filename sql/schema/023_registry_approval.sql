-- Which aliases and stages need a second person. `model` 0 is the policy of all models without one of their own.
-- `aliases` and `stages` are JSON arrays of names.
CREATE TABLE registry_policy (
    model INTEGER NOT NULL,
    aliases TEXT NOT NULL,
    stages TEXT NOT NULL,
    ttl_us INTEGER NOT NULL,
    self_approval INTEGER NOT NULL,
    free_rollback INTEGER NOT NULL,
    updated_us INTEGER NOT NULL,
    updated_by TEXT NOT NULL,
    PRIMARY KEY (model)
);
-- Moves that wait for a second person, and what became of them; kept for ever. `subject` is the alias or the stage,
-- `version` 0 asks for the removal of the alias. A pending row whose `expires_us` has passed counts as expired.
CREATE TABLE registry_approval (
    id INTEGER PRIMARY KEY,
    model_row INTEGER NOT NULL,
    model TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('alias', 'stage')),
    subject TEXT NOT NULL,
    version INTEGER NOT NULL,
    old_value TEXT NOT NULL,
    archive_others INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('pending', 'approved', 'rejected', 'cancelled')),
    requested_by TEXT NOT NULL,
    requested_us INTEGER NOT NULL,
    expires_us INTEGER NOT NULL,
    reason TEXT NOT NULL,
    request_id TEXT NOT NULL,
    decided_by TEXT NOT NULL DEFAULT '',
    decided_us INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX registry_approval_by_model ON registry_approval (model_row, state);
CREATE TABLE registry_approval_note (
    approval INTEGER NOT NULL REFERENCES registry_approval(id),
    seq INTEGER NOT NULL,
    at_us INTEGER NOT NULL,
    actor TEXT NOT NULL,
    verdict TEXT NOT NULL CHECK (verdict IN ('comment', 'approve', 'reject', 'cancel')),
    body TEXT NOT NULL,
    PRIMARY KEY (approval, seq)
) WITHOUT ROWID;
