-- Events that commit with the state they tell of. Columns as Debezium's outbox event router names them, plus ours.
CREATE TABLE outbox (
    seq           INTEGER PRIMARY KEY AUTOINCREMENT,
    id            TEXT   NOT NULL CONSTRAINT outbox_id UNIQUE,
    aggregatetype TEXT   NOT NULL,
    aggregateid   TEXT   NOT NULL,
    type          TEXT   NOT NULL,
    payload       TEXT   NOT NULL,
    headers       TEXT   NOT NULL,
    occurred_at   BIGINT NOT NULL,
    sent_at       BIGINT
);
CREATE INDEX outbox_unsent ON outbox (seq) WHERE sent_at IS NULL;

-- Events that were applied, so that a redelivered one is not applied again.
CREATE TABLE inbox (
    consumer TEXT   NOT NULL,
    event_id TEXT   NOT NULL,
    seen_at  BIGINT NOT NULL,
    CONSTRAINT inbox_once PRIMARY KEY (consumer, event_id)
);
CREATE INDEX inbox_seen_at ON inbox (seen_at);
