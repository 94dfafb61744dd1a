-- A booking that never came to be is shown all the same if its customer's money went to and fro: `shown` is 1 for those and
-- for all bookings. Of the two pairs of tables that change places by their names, one is shown and the other its shadow.
ALTER TABLE mypages ADD COLUMN given_up SMALLINT NOT NULL DEFAULT 0;
ALTER TABLE mypages ADD COLUMN refunded SMALLINT NOT NULL DEFAULT 0;
ALTER TABLE mypages ADD COLUMN shown SMALLINT NOT NULL DEFAULT 0;
UPDATE mypages SET shown = booked;
ALTER TABLE mypages_shadow ADD COLUMN given_up SMALLINT NOT NULL DEFAULT 0;
ALTER TABLE mypages_shadow ADD COLUMN refunded SMALLINT NOT NULL DEFAULT 0;
ALTER TABLE mypages_shadow ADD COLUMN shown SMALLINT NOT NULL DEFAULT 0;
UPDATE mypages_shadow SET shown = booked;
