-- A subject is a feature's name, which a model may have made as long as it likes (see 025).
-- postgres:
DROP INDEX monitor_alert_firing;
CREATE UNIQUE INDEX monitor_alert_firing
    ON monitor_alert (endpoint, rule, sha256(decode(replace(subject, '\', '\\'), 'escape'))) WHERE state = 'firing';
-- both:
