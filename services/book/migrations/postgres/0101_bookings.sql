-- A booking from the moment its payment is asked for. `paid` is 1 once the money is known to have come.
CREATE TABLE bookings (
    id          BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    movie_name  TEXT,
    seat        TEXT,
    qty         BIGINT   NOT NULL CONSTRAINT bookings_qty CHECK (qty BETWEEN 1 AND 20),
    total_price BIGINT   CONSTRAINT bookings_total_price CHECK (total_price >= 0),
    name        TEXT     NOT NULL,
    customer_id BIGINT,
    status      TEXT     NOT NULL,
    paid        SMALLINT NOT NULL,
    created_at  BIGINT   NOT NULL,
    updated_at  BIGINT   NOT NULL
);
