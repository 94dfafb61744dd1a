-- A booking as its customer sees it. `booked` is 0 while other events have come before `Booked`: they are remembered,
-- and nobody sees the row.
CREATE TABLE mypages (
    booking_id  BIGINT   NOT NULL CONSTRAINT mypages_booking PRIMARY KEY,
    booked      SMALLINT NOT NULL,
    customer_id BIGINT,
    movie_name  TEXT,
    seat        TEXT,
    qty         BIGINT,
    price       BIGINT,
    status      TEXT     NOT NULL,
    score       BIGINT,
    ticket_id   BIGINT,
    updated_at  BIGINT   NOT NULL
);
CREATE INDEX mypages_customer ON mypages (customer_id, booking_id);

-- How it came to be: each kind of event once, at its earliest time.
CREATE TABLE timeline (
    booking_id  BIGINT NOT NULL,
    event       TEXT   NOT NULL,
    happened_at BIGINT NOT NULL,
    CONSTRAINT timeline_once PRIMARY KEY (booking_id, event)
);
