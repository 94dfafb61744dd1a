-- A booking's one payment, or the tombstone that keeps a late one from being taken.
CREATE TABLE payments (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    booking_id  BIGINT NOT NULL CONSTRAINT payments_booking_id UNIQUE,
    total_price BIGINT NOT NULL CONSTRAINT payments_total_price CHECK (total_price >= 0),
    status      TEXT   NOT NULL,
    created_at  BIGINT NOT NULL,
    updated_at  BIGINT NOT NULL
);
