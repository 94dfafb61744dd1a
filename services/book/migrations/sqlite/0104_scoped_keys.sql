-- An `Idempotency-Key` names a request of one customer; requests without a customer share a scope. The fingerprint is the
-- SHA-256 of the request's fields. That of an older key is empty: it fits every body, for the day that the key is kept.
-- The older table stays for processes of the version before, which may run beside this one for a while.
CREATE TABLE request_keys (
    scope       TEXT   NOT NULL,
    key         TEXT   NOT NULL,
    fingerprint TEXT   NOT NULL,
    booking_id  BIGINT NOT NULL,
    created_at  BIGINT NOT NULL,
    CONSTRAINT request_keys_scoped PRIMARY KEY (scope, key)
);
INSERT INTO request_keys (scope, key, fingerprint, booking_id, created_at)
    SELECT COALESCE('customer:' || CAST(bookings.customer_id AS TEXT), 'shared'), idempotency_keys.key, '',
           idempotency_keys.booking_id, idempotency_keys.created_at
    FROM idempotency_keys LEFT JOIN bookings ON bookings.id = idempotency_keys.booking_id;
CREATE INDEX request_keys_age ON request_keys (created_at);
CREATE INDEX request_keys_booking ON request_keys (booking_id);
