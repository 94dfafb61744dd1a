-- The work of PostgreSQL for a booking: the statements of book and payment in their three transactions, without the rest of the
-- fleet. Run by pgbench on a database with the tables of both. Texts must not contain a colon before a letter or a digit, because
-- pgbench would replace it as a variable.
\set qty random(1, 4)
\set price random(5000, 20000)

BEGIN;
INSERT INTO bookings (movie_name, seat, qty, total_price, name, customer_id, status, paid, created_at, updated_at, movie_key)
VALUES ('soul', NULL, :qty, :price, 'CGV', 7, 'PaymentPending', 0, 0, 0, 'soul')
RETURNING id \gset
COMMIT;

BEGIN;
INSERT INTO payments (booking_id, total_price, status, reference, created_at, updated_at)
VALUES (:id, :price, 'Paid', 'fleet-booking-' || CAST(:id AS BIGINT), 0, 0)
ON CONFLICT (booking_id) DO NOTHING
RETURNING id AS payment \gset
INSERT INTO outbox (id, aggregatetype, aggregateid, type, payload, headers, occurred_at)
VALUES (CAST(gen_random_uuid() AS TEXT), 'booking', CAST(:id AS BIGINT), 'Paid',
        '{"eventType":"Paid","timestamp":"20210223133228","id": 7,"bookingId": 1,"status":"Paid","totalPrice": 10000,"me": true}',
        '[["ce_specversion","1.0"],["ce_id","018f3a6e-7c2b-7d3e-9a41-5b6c7d8e9f00"],["ce_source","/payment"],["ce_type","movie.Paid.v1"],["ce_time","2021-02-23T133228.123456Z"],["ce_subject","bookings/1"],["content-type","application/json"],["type","Paid"],["traceparent","00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"]]',
        0);
COMMIT;

BEGIN;
UPDATE bookings SET status = status WHERE id = :id RETURNING qty AS locked \gset
UPDATE bookings SET status = 'Registered', paid = 0, updated_at = 0 WHERE id = :id;
INSERT INTO outbox (id, aggregatetype, aggregateid, type, payload, headers, occurred_at)
VALUES (CAST(gen_random_uuid() AS TEXT), 'booking', CAST(:id AS BIGINT), 'Booked',
        '{"eventType":"Booked","timestamp":"20210223133228","id": 1,"qty": 2,"seat": null,"movieName":"soul","status":"Registered","totalPrice": 10000,"name":"CGV","customerId": 33,"screeningId": null,"me": true}',
        '[["ce_specversion","1.0"],["ce_id","018f3a6e-7c2b-7d3e-9a41-5b6c7d8e9f00"],["ce_source","/book"],["ce_type","movie.Booked.v1"],["ce_time","2021-02-23T133228.123456Z"],["ce_subject","bookings/1"],["content-type","application/json"],["type","Booked"],["traceparent","00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"]]',
        0);
COMMIT;
