-- How each column of a window lies beside its reference (core/monitor/figures.h), for people to look at. NULL: closed before this was kept.
ALTER TABLE monitor_window ADD COLUMN shapes TEXT;
