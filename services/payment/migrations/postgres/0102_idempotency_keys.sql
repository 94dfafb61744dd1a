-- What a client called its request, and what that request was, so that the same name never stands for another one.
CREATE TABLE idempotency_keys (
    idempotency_key TEXT   NOT NULL CONSTRAINT idempotency_keys_key PRIMARY KEY,
    fingerprint     TEXT   NOT NULL,
    created_at      BIGINT NOT NULL
);
-- They go in the order they came.
CREATE INDEX idempotency_keys_created_at ON idempotency_keys (created_at);
