-- Datasets of all experiments in the order of their names: a page of them is read from here and nothing is sorted.
CREATE INDEX track_dataset_by_name ON track_dataset (name, digest);
