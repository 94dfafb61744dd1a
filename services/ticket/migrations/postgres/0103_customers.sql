-- The tickets of one customer, in the order of their list.
CREATE INDEX tickets_customer ON tickets (customer_id, booking_id) WHERE issued = 1;
