-- What changed and is told by no other log (audit, track_change): one row per change, in its transaction. The newest are kept.
CREATE TABLE event_note (
    id INTEGER PRIMARY KEY,
    kind INTEGER NOT NULL,
    name TEXT NOT NULL
);
