-- The screening that a ticket is for. Without values: a booking of a movie alone, or a ticket from before.
ALTER TABLE tickets ADD COLUMN screening_id BIGINT;
ALTER TABLE tickets ADD COLUMN theatre TEXT;
ALTER TABLE tickets ADD COLUMN hall TEXT;
ALTER TABLE tickets ADD COLUMN starts_at BIGINT;
ALTER TABLE tickets ADD COLUMN ends_at BIGINT;
