-- One row a reference: what was asked for under it, and what became of that. A row without an amount is a tombstone:
-- the reference was canceled before any charge came.
CREATE TABLE payments (
    reference      TEXT NOT NULL CONSTRAINT payments_reference PRIMARY KEY,
    status         TEXT NOT NULL,
    amount         BIGINT CONSTRAINT payments_amount CHECK (amount >= 0),
    currency       TEXT,
    decline_reason TEXT,
    charged_at     BIGINT,
    refunded_at    BIGINT,
    created_at     BIGINT NOT NULL,
    updated_at     BIGINT NOT NULL
);
-- Every movement of money, in the order it happened. Rows are added, never changed or deleted. At most one charge and one
-- refund stand under a reference.
CREATE TABLE ledger (
    seq        BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    reference  TEXT   NOT NULL,
    kind       TEXT   NOT NULL,
    amount     BIGINT NOT NULL CONSTRAINT ledger_amount CHECK (amount >= 0),
    currency   TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    CONSTRAINT ledger_reference_kind UNIQUE (reference, kind)
);
