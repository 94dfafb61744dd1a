-- What a rebuild writes, until it takes the place of what is shown: the twins of `mypages` and `timeline`. The two pairs
-- change places by their names each time, so a later migration of one is a migration of both.
CREATE TABLE mypages_shadow (
    booking_id  BIGINT   NOT NULL CONSTRAINT mypages_shadow_booking PRIMARY KEY,
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
CREATE INDEX mypages_shadow_customer ON mypages_shadow (customer_id, booking_id);

CREATE TABLE timeline_shadow (
    booking_id  BIGINT NOT NULL,
    event       TEXT   NOT NULL,
    happened_at BIGINT NOT NULL,
    CONSTRAINT timeline_shadow_once PRIMARY KEY (booking_id, event)
);

-- The rebuild that is under way, if there is one. Its row is its claim to the shadow: it is gone when another takes over.
CREATE TABLE rebuilds (
    started_at BIGINT NOT NULL CONSTRAINT rebuilds_started PRIMARY KEY,
    stage      TEXT   NOT NULL
);
