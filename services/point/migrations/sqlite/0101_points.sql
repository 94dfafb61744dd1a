-- A ledger: rows are added and never changed. A booking has at most one row of each status.
CREATE TABLE points (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    booking_id  BIGINT NOT NULL,
    customer_id BIGINT,
    score       BIGINT NOT NULL CONSTRAINT points_score CHECK (score BETWEEN 0 AND 10000),
    contents    TEXT,
    status      TEXT   NOT NULL,
    created_at  BIGINT NOT NULL,
    CONSTRAINT points_booking_id_status UNIQUE (booking_id, status)
);

-- A customer's balance.
CREATE INDEX points_customer_id ON points (customer_id);
