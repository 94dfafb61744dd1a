-- The ticket of a booking, under the booking's id. `asks` counts the requests for its points that may have reached the
-- point service. `issued` is 0 where a cancel came before the booking: no ticket, only the memory that none is to be
-- made.
CREATE TABLE tickets (
    booking_id  BIGINT   NOT NULL CONSTRAINT tickets_booking PRIMARY KEY,
    movie_name  TEXT,
    qty         BIGINT,
    seat        TEXT,
    customer_id BIGINT,
    status      TEXT     NOT NULL,
    asks        BIGINT   NOT NULL CONSTRAINT tickets_asks CHECK (asks >= 0),
    issued      SMALLINT NOT NULL,
    created_at  BIGINT   NOT NULL,
    updated_at  BIGINT   NOT NULL
);
-- What the reconciler looks for.
CREATE INDEX tickets_printing ON tickets (updated_at) WHERE status = 'Printing';
