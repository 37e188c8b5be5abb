-- A rollout that waits for a person: why. NULL: it does not. Its state stays 'running' and its weights stay as they are.
ALTER TABLE rollout ADD COLUMN paused TEXT;
