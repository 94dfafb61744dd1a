-- A movie shown at a time and a place. `capacity` and `places_left` are those of general admission; a seated screening has
-- its seats instead, and neither. `hall` is the layout as JSON, to be shown; what it costs to sit where is in its seats.
CREATE TABLE screenings (
    id          BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    movie_name  TEXT   NOT NULL,
    theatre     TEXT   NOT NULL,
    starts_at   BIGINT NOT NULL,
    hall        TEXT,
    capacity    BIGINT,
    price       BIGINT CONSTRAINT screenings_price CHECK (price >= 0),
    places_left BIGINT CONSTRAINT screenings_places_left CHECK (places_left BETWEEN 0 AND capacity),
    created_at  BIGINT NOT NULL,
    CONSTRAINT screenings_once UNIQUE (theatre, starts_at)
);
CREATE INDEX screenings_programme ON screenings (starts_at, id);

CREATE TABLE screening_seats (
    screening_id BIGINT NOT NULL,
    seat         TEXT   NOT NULL,
    row_name     TEXT   NOT NULL,
    row_number   BIGINT NOT NULL,
    column_number BIGINT NOT NULL,
    kind         TEXT   NOT NULL,
    price_class  TEXT   NOT NULL,
    price        BIGINT NOT NULL CONSTRAINT screening_seats_price CHECK (price >= 0),
    CONSTRAINT screening_seats_once PRIMARY KEY (screening_id, seat)
);

-- Who has a seat: one row for each seat of a booking that lives. That no seat is sold twice is decided here and nowhere else.
-- A place is a screening, or a movie without screenings.
CREATE TABLE seat_claims (
    place      TEXT   NOT NULL,
    seat       TEXT   NOT NULL,
    booking_id BIGINT NOT NULL,
    CONSTRAINT seat_claims_once PRIMARY KEY (place, seat)
);
CREATE INDEX seat_claims_booking ON seat_claims (booking_id);

-- What `Idempotency-Key` a booking was asked for with, and by which body.
CREATE TABLE idempotency_keys (
    key         TEXT   NOT NULL CONSTRAINT idempotency_keys_once PRIMARY KEY,
    fingerprint TEXT   NOT NULL,
    booking_id  BIGINT NOT NULL,
    created_at  BIGINT NOT NULL
);
CREATE INDEX idempotency_keys_age ON idempotency_keys (created_at);
CREATE INDEX idempotency_keys_booking ON idempotency_keys (booking_id);

ALTER TABLE bookings ADD COLUMN screening_id BIGINT;
-- Until when it waits for its payment; when its running attempt to pay is over at the latest; when to ask what became of it.
ALTER TABLE bookings ADD COLUMN held_until BIGINT;
ALTER TABLE bookings ADD COLUMN paying_until BIGINT;
ALTER TABLE bookings ADD COLUMN look_at BIGINT;
ALTER TABLE bookings ADD COLUMN looks BIGINT NOT NULL DEFAULT 0;
ALTER TABLE bookings ADD COLUMN attempts BIGINT NOT NULL DEFAULT 1;
ALTER TABLE bookings ADD COLUMN pay_later SMALLINT NOT NULL DEFAULT 0;
UPDATE bookings SET held_until = created_at + 600000000, look_at = created_at WHERE status = 'PaymentPending';

CREATE INDEX bookings_held ON bookings (held_until) WHERE status = 'PaymentPending';
CREATE INDEX bookings_customer ON bookings (customer_id, id);
