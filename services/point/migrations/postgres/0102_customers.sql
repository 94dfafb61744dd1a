-- The rows of one customer, for the balance and in the order of their list.
CREATE INDEX points_customer ON points (customer_id, id);
DROP INDEX points_customer_id;
