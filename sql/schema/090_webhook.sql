-- Webhooks: who wants to hear of what, and the outbox of messages. A message is written in the transaction of the change that
-- it tells of, and stays until a receiver took it or it was given up: nothing that was committed is forgotten, and
-- nothing is told that was not. Times are microseconds since 1970 UTC where the name says so.
CREATE TABLE webhook (
    id INTEGER PRIMARY KEY,
    uuid TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    url TEXT NOT NULL,
    active INTEGER NOT NULL,
    alert INTEGER NOT NULL,                 -- 1: made for alert rules; MLflow's clients do not see it
    secret BLOB,                            -- sealed (base/seal.h); NULL: messages are not signed
    key_id TEXT NOT NULL,                   -- of the key that sealed it; '' without a secret
    created_ms INTEGER NOT NULL,
    updated_ms INTEGER NOT NULL,
    deleted INTEGER NOT NULL DEFAULT 0,
    failures INTEGER NOT NULL DEFAULT 0,    -- attempts without any answer since the last answer
    hold_us INTEGER NOT NULL DEFAULT 0,     -- after such an attempt: nothing is sent before
    next_us INTEGER NOT NULL,               -- when its next message is due; 9223372036854775807: none waits
    owner TEXT NOT NULL DEFAULT '',         -- the server that delivers for it ...
    lease_us INTEGER NOT NULL DEFAULT 0     -- ... until then
);
CREATE INDEX webhook_by_next ON webhook (next_us);
CREATE TABLE webhook_event (
    webhook INTEGER NOT NULL REFERENCES webhook(id),
    event TEXT NOT NULL,                    -- "model_version.created"
    PRIMARY KEY (webhook, event)
) WITHOUT ROWID;
CREATE INDEX webhook_event_by_event ON webhook_event (event, webhook);
CREATE TABLE webhook_delivery (
    id INTEGER PRIMARY KEY,
    webhook INTEGER NOT NULL REFERENCES webhook(id),
    delivery_id TEXT NOT NULL UNIQUE,
    event TEXT NOT NULL,
    body TEXT NOT NULL,
    state INTEGER NOT NULL,                 -- 0 in line, 1 out of line, 2 done, 3 given up
    created_us INTEGER NOT NULL,
    due_us INTEGER NOT NULL,
    finished_us INTEGER NOT NULL DEFAULT 0,
    attempts INTEGER NOT NULL DEFAULT 0,
    refusals INTEGER NOT NULL DEFAULT 0,    -- answers that asked for another attempt
    status INTEGER NOT NULL DEFAULT 0,      -- of the last answer; 0: none came
    reason TEXT NOT NULL DEFAULT ''         -- why the last attempt failed
);
CREATE INDEX webhook_delivery_line ON webhook_delivery (webhook, state, id);
CREATE INDEX webhook_delivery_due ON webhook_delivery (webhook, state, due_us);
CREATE INDEX webhook_delivery_finished ON webhook_delivery (state, finished_us);
