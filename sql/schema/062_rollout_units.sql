-- Which units an A/B test has counted already: one bit each, by a hash of the unit (core/rollout/units.h). NULL: none yet.
ALTER TABLE rollout ADD COLUMN units BLOB;
