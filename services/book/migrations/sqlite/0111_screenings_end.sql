-- When a screening ends. One from before runs for two hours. So does one without a value, which a process of the version
-- before has added while it runs beside this one: readers use COALESCE(ends_at, starts_at + 7200000000).
ALTER TABLE screenings ADD COLUMN ends_at BIGINT;
UPDATE screenings SET ends_at = starts_at + 7200000000;
-- 1 if `Held` was published, which is done once for a booking that stays unpaid after its first attempt to pay.
ALTER TABLE bookings ADD COLUMN held_published SMALLINT NOT NULL DEFAULT 0;
