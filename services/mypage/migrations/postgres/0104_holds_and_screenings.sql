-- A booking that is held unpaid is shown too, if its customer is known; `ending` says how one ended that was never paid, and is
-- missing where a version before this has heard of it. The screening is missing for a booking of a movie alone, and where the
-- event did not carry it. `status` is what it was, so that a process of the version before reads it: what a customer sees is
-- derived from it together with `booked`, `held` and `ending`.
ALTER TABLE mypages ADD COLUMN held SMALLINT NOT NULL DEFAULT 0;
ALTER TABLE mypages ADD COLUMN held_until BIGINT;
ALTER TABLE mypages ADD COLUMN ending TEXT;
ALTER TABLE mypages ADD COLUMN screening_id BIGINT;
ALTER TABLE mypages ADD COLUMN theatre TEXT;
ALTER TABLE mypages ADD COLUMN hall TEXT;
ALTER TABLE mypages ADD COLUMN starts_at BIGINT;
ALTER TABLE mypages ADD COLUMN ends_at BIGINT;
ALTER TABLE mypages_shadow ADD COLUMN held SMALLINT NOT NULL DEFAULT 0;
ALTER TABLE mypages_shadow ADD COLUMN held_until BIGINT;
ALTER TABLE mypages_shadow ADD COLUMN ending TEXT;
ALTER TABLE mypages_shadow ADD COLUMN screening_id BIGINT;
ALTER TABLE mypages_shadow ADD COLUMN theatre TEXT;
ALTER TABLE mypages_shadow ADD COLUMN hall TEXT;
ALTER TABLE mypages_shadow ADD COLUMN starts_at BIGINT;
ALTER TABLE mypages_shadow ADD COLUMN ends_at BIGINT;
