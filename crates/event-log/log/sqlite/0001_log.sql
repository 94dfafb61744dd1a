-- An append-only log, and how far each consumer group has read.
CREATE TABLE records (
    position    INTEGER PRIMARY KEY AUTOINCREMENT,
    topic       TEXT   NOT NULL,
    key         TEXT,
    payload     BLOB,
    headers     TEXT   NOT NULL,
    appended_at BIGINT NOT NULL
);
CREATE INDEX records_by_topic ON records (topic, position);

CREATE TABLE cursors (
    consumer_group TEXT   NOT NULL,
    topic          TEXT   NOT NULL,
    next_position  BIGINT NOT NULL,
    CONSTRAINT cursors_once PRIMARY KEY (consumer_group, topic)
);
