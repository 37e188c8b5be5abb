-- The sweep of unnamed bytes asks who names a blob.
CREATE INDEX prediction_log_by_blob ON prediction_log (blob);
