-- What a client called its request, and what that request was, so that the same name never stands for another one: the table of
-- `storage::request_keys`, which all services with such keys have. The older table keeps what it has for its day, and what
-- processes of the version before write, which may run beside this one for a while.
CREATE TABLE request_keys (
    scope       TEXT   NOT NULL,
    key         TEXT   NOT NULL,
    fingerprint TEXT   NOT NULL,
    booking_id  BIGINT NOT NULL,
    created_at  BIGINT NOT NULL,
    CONSTRAINT request_keys_scoped PRIMARY KEY (scope, key)
);
CREATE INDEX request_keys_age ON request_keys (created_at);
CREATE INDEX request_keys_booking ON request_keys (booking_id);
