-- Why a change was made, in which request, and by which way: '' by hand, 'rollback', 'approval', 'archive' (moved aside
-- by another version), 'removed' (its version was deleted). `approval` is the request that allowed it, 0 = none was needed.
ALTER TABLE registry_history ADD COLUMN reason TEXT NOT NULL DEFAULT '';
ALTER TABLE registry_history ADD COLUMN request_id TEXT NOT NULL DEFAULT '';
ALTER TABLE registry_history ADD COLUMN action TEXT NOT NULL DEFAULT '';
ALTER TABLE registry_history ADD COLUMN approval INTEGER NOT NULL DEFAULT 0;
