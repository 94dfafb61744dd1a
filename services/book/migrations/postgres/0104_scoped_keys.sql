-- An `Idempotency-Key` names a request of one customer; requests without a customer share a scope. The fingerprint is the
-- SHA-256 of the request's fields. That of an older key is empty: it fits every body, for the day that the key is kept.
ALTER TABLE idempotency_keys RENAME TO unscoped_keys;
DROP INDEX idempotency_keys_age;
DROP INDEX idempotency_keys_booking;
CREATE TABLE idempotency_keys (
    scope       TEXT   NOT NULL,
    key         TEXT   NOT NULL,
    fingerprint TEXT   NOT NULL,
    booking_id  BIGINT NOT NULL,
    created_at  BIGINT NOT NULL,
    CONSTRAINT idempotency_keys_scoped PRIMARY KEY (scope, key)
);
INSERT INTO idempotency_keys (scope, key, fingerprint, booking_id, created_at)
    SELECT COALESCE('customer:' || CAST(bookings.customer_id AS TEXT), 'shared'), unscoped_keys.key, '',
           unscoped_keys.booking_id, unscoped_keys.created_at
    FROM unscoped_keys LEFT JOIN bookings ON bookings.id = unscoped_keys.booking_id;
DROP TABLE unscoped_keys;
CREATE INDEX idempotency_keys_age ON idempotency_keys (created_at);
CREATE INDEX idempotency_keys_booking ON idempotency_keys (booking_id);
