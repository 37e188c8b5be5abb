-- How many windows (with their revisions) an endpoint has: counting them would read all of them, and lists of monitors ask for it each time.
ALTER TABLE monitor_state ADD COLUMN windows INTEGER NOT NULL DEFAULT 0;
UPDATE monitor_state SET windows = (SELECT COUNT(*) FROM monitor_window w WHERE w.endpoint = monitor_state.endpoint);
