-- Serving: endpoints, the version that is live on each, and their configuration (JSON, see core/serve/serve.h).
-- `rollout_seen` is the last rollout whose end has been applied to `version`: a rollout commits its verdict first,
-- so after a crash between the two, the ends above it are applied at start. Times are microseconds since 1970 UTC.
CREATE TABLE serve_endpoint (
    name TEXT PRIMARY KEY,
    model TEXT NOT NULL,
    version INTEGER NOT NULL,
    config TEXT NOT NULL,
    rollout_seen INTEGER NOT NULL,
    created_us INTEGER NOT NULL,
    updated_us INTEGER NOT NULL
) WITHOUT ROWID;
