-- Semantic versions beside the numbers. A row stays when its version is deleted: a number is given once, and
-- `signature` is the contract that it stands for. `changes` is a JSON array of what differs from the one before;
-- `origin` is the version that this one is a copy of, 0 = none.
CREATE TABLE registry_release (
    version INTEGER NOT NULL REFERENCES registry_version(id),
    model INTEGER NOT NULL REFERENCES registry_model(id),
    major INTEGER NOT NULL,
    minor INTEGER NOT NULL,
    patch INTEGER NOT NULL,
    bump TEXT NOT NULL CHECK (bump IN ('first', 'patch', 'minor', 'major')),
    changes TEXT NOT NULL,
    signature TEXT NOT NULL,
    origin INTEGER NOT NULL,
    PRIMARY KEY (version)
);
CREATE UNIQUE INDEX registry_release_number ON registry_release (model, major, minor, patch);
CREATE INDEX registry_release_by_origin ON registry_release (origin);
