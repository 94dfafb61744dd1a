-- 1 if an attempt to pay ended, or broke off, without a decision: the reconciler asks payment until one is known.
ALTER TABLE bookings ADD COLUMN in_doubt SMALLINT NOT NULL DEFAULT 0;
UPDATE bookings SET in_doubt = 1 WHERE status = 'PaymentPending' AND look_at IS NOT NULL;
