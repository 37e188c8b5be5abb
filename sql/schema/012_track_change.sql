-- Which runs changed, in the order of the commits: what lives in memory and is made of runs (core/track/index.c)
-- reads on from the last id it has seen, whichever server wrote the row. A negative `run` stands for a whole
-- experiment: -1 - experiment. Only the newest rows are kept: who is further behind starts over.
CREATE TABLE track_change (
    id INTEGER PRIMARY KEY,
    run INTEGER NOT NULL
);
