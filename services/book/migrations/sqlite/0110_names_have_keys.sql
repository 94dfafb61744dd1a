-- Names are compared by a key in one normal form, which stands beside the spelling (`events::text`). A row without a key
-- was written by the version before; when the service starts, it gives such rows their keys (`bring_over`).
ALTER TABLE bookings ADD COLUMN movie_key TEXT;
ALTER TABLE screenings ADD COLUMN movie_key TEXT;
ALTER TABLE screenings ADD COLUMN theatre_key TEXT;
ALTER TABLE screenings ADD COLUMN hall_key TEXT;
CREATE INDEX bookings_without_key ON bookings (id) WHERE movie_key IS NULL;
CREATE INDEX screenings_without_key ON screenings (id) WHERE movie_key IS NULL;
CREATE INDEX screenings_of_movie ON screenings (movie_key, starts_at);
CREATE INDEX screenings_of_hall ON screenings (theatre_key, hall_key, starts_at);

-- A transaction that adds a screening locks the row of its hall first, so that no two screenings of a hall overlap.
CREATE TABLE hall_locks (
    theatre_key TEXT NOT NULL,
    hall_key    TEXT NOT NULL,
    CONSTRAINT hall_locks_once PRIMARY KEY (theatre_key, hall_key)
);

-- The fingerprints that are there were made of other text. An empty one fits every body, for the day that the key is kept.
UPDATE request_keys SET fingerprint = '';

-- A process of the version before would sell a seat again that this version has sold: it compares spellings. So its new rows
-- are refused, from the moment that this migration is committed.
CREATE TRIGGER bookings_have_keys BEFORE INSERT ON bookings WHEN NEW.movie_key IS NULL BEGIN SELECT RAISE(ABORT, 'names need keys: stop the processes of the version before'); END;
CREATE TRIGGER screenings_have_keys BEFORE INSERT ON screenings WHEN NEW.movie_key IS NULL BEGIN SELECT RAISE(ABORT, 'names need keys: stop the processes of the version before'); END;
