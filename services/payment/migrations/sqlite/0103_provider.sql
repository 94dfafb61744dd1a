-- The payment provider charges and refunds. `reference` names the provider's charge: NULL where the provider charged nothing,
-- and for payments from before there was a provider.
ALTER TABLE payments ADD COLUMN reference TEXT;
-- 1 if the cancel in progress gives money back; 0 if it keeps a late charge from standing.
ALTER TABLE payments ADD COLUMN taken SMALLINT NOT NULL DEFAULT 0;
-- When the provider is asked to cancel, for payments that are being canceled; and how often it was asked.
ALTER TABLE payments ADD COLUMN ask_at BIGINT;
ALTER TABLE payments ADD COLUMN asks BIGINT NOT NULL DEFAULT 0;
CREATE INDEX payments_ask_at ON payments (ask_at) WHERE ask_at IS NOT NULL;
