--
-- PostgreSQL database dump
--


-- Dumped from database version 15.18 (Debian 15.18-0+deb12u1)
-- Dumped by pg_dump version 15.18 (Debian 15.18-0+deb12u1)

SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

SET default_tablespace = '';

SET default_table_access_method = heap;

--
-- Name: _sqlx_migrations; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public._sqlx_migrations (
    version bigint NOT NULL,
    description text NOT NULL,
    installed_on timestamp with time zone DEFAULT now() NOT NULL,
    success boolean NOT NULL,
    checksum bytea NOT NULL,
    execution_time bigint NOT NULL
);


--
-- Name: idempotency_keys; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.idempotency_keys (
    idempotency_key text NOT NULL,
    fingerprint text NOT NULL,
    created_at bigint NOT NULL
);


--
-- Name: inbox; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.inbox (
    consumer text NOT NULL,
    event_id text NOT NULL,
    seen_at bigint NOT NULL
);


--
-- Name: outbox; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.outbox (
    seq bigint NOT NULL,
    id text NOT NULL,
    aggregatetype text NOT NULL,
    aggregateid text NOT NULL,
    type text NOT NULL,
    payload text NOT NULL,
    headers text NOT NULL,
    occurred_at bigint NOT NULL,
    sent_at bigint
);


--
-- Name: outbox_seq_seq; Type: SEQUENCE; Schema: public; Owner: -
--

ALTER TABLE public.outbox ALTER COLUMN seq ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.outbox_seq_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Name: payments; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.payments (
    id bigint NOT NULL,
    booking_id bigint NOT NULL,
    total_price bigint NOT NULL,
    status text NOT NULL,
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL,
    CONSTRAINT payments_total_price CHECK ((total_price >= 0))
);


--
-- Name: payments_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

ALTER TABLE public.payments ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.payments_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Data for Name: _sqlx_migrations; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public._sqlx_migrations VALUES (1, 'outbox and inbox', '2026-11-30 21:23:36.177258+00', true, '\xaf8378714b9a75675696b9adbef26231b8b0dea655d09854fda9eaadfdc904750995957ebeaafe1cb965c966994212a0', 23094372);
INSERT INTO public._sqlx_migrations VALUES (101, 'payments', '2026-11-30 21:23:36.177258+00', true, '\x79100fc2907884e54c1369c76ba98ab25f1e685db5d2bdb79eff41252156133445ab7f57caf88b96eb6673e0d3690458', 16669795);
INSERT INTO public._sqlx_migrations VALUES (102, 'idempotency keys', '2026-11-30 21:23:36.177258+00', true, '\x80a31dc00b7890a34aac67636fcfd79b33a9dfca82d0c904b1f4592859b2cc93ffb8dec58afcbfa0b1b7af1b3d192544', 7557633);


--
-- Data for Name: idempotency_keys; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.idempotency_keys VALUES ('booking-1', 'bookingId=1&totalPrice=10000', 1796073816520630);
INSERT INTO public.idempotency_keys VALUES ('booking-2', 'bookingId=2&totalPrice=5000', 1796073816808304);
INSERT INTO public.idempotency_keys VALUES ('booking-3', 'bookingId=3&totalPrice=12000', 1796073817166771);
INSERT INTO public.idempotency_keys VALUES ('booking-5', 'bookingId=5&totalPrice=9000', 1796073817332434);
INSERT INTO public.idempotency_keys VALUES ('booking-7', 'bookingId=7&totalPrice=8000', 1796073817651644);
INSERT INTO public.idempotency_keys VALUES ('booking-8', 'bookingId=8&totalPrice=6000', 1796073817814016);


--
-- Data for Name: inbox; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.inbox VALUES ('payment', '01a22e57-838d-7498-90ff-18a4a79b4daa', 1796073816981171);
INSERT INTO public.inbox VALUES ('payment', '01a22e57-84e2-76ea-b169-b26b7fa68f39', 1796073817331662);


--
-- Data for Name: outbox; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.outbox OVERRIDING SYSTEM VALUE VALUES (1, '01a22e57-81d0-76a8-b741-15163e056fae', 'booking', '1', 'Paid', '{"eventType":"Paid","timestamp":"20261130212336","id":1,"bookingId":1,"status":"Paid","totalPrice":10000,"me":true}', '[["ce_specversion","1.0"],["ce_id","01a22e57-81d0-76a8-b741-15163e056fae"],["ce_source","/payment"],["ce_type","movie.Paid.v1"],["ce_time","2026-11-30T21:23:36.520630787Z"],["ce_subject","bookings/1"],["content-type","application/json"],["type","Paid"],["traceparent","00-f0c73a4c77fb447697efe9f33d005a4f-85309a9228dab6c3-01"]]', 1796073816520630, 1796073816536956);
INSERT INTO public.outbox OVERRIDING SYSTEM VALUE VALUES (2, '01a22e57-82ea-711c-828e-de3d7a434cf8', 'booking', '2', 'Paid', '{"eventType":"Paid","timestamp":"20261130212336","id":2,"bookingId":2,"status":"Paid","totalPrice":5000,"me":true}', '[["ce_specversion","1.0"],["ce_id","01a22e57-82ea-711c-828e-de3d7a434cf8"],["ce_source","/payment"],["ce_type","movie.Paid.v1"],["ce_time","2026-11-30T21:23:36.808304764Z"],["ce_subject","bookings/2"],["content-type","application/json"],["type","Paid"],["traceparent","00-fe939f656d2f4e18a7aa0533fd7019e1-b07079ddf8ae9e3d-01"]]', 1796073816808304, 1796073816817163);
INSERT INTO public.outbox OVERRIDING SYSTEM VALUE VALUES (3, '01a22e57-8398-75a2-bdbe-74fc433ec675', 'booking', '2', 'PaymentCanceled', '{"eventType":"PaymentCanceled","timestamp":"20261130212336","id":2,"bookingId":2,"status":"Canceled","me":true}', '[["ce_specversion","1.0"],["ce_id","01a22e57-8398-75a2-bdbe-74fc433ec675"],["ce_source","/payment"],["ce_type","movie.PaymentCanceled.v1"],["ce_time","2026-11-30T21:23:36.981171419Z"],["ce_subject","bookings/2"],["content-type","application/json"],["type","PaymentCanceled"],["traceparent","00-e7cfde34eb1c43d9806e2109bf29da20-bf30bc8d1d744d01-01"]]', 1796073816981171, 1796073816991139);
INSERT INTO public.outbox OVERRIDING SYSTEM VALUE VALUES (4, '01a22e57-8451-72c2-8115-90c4eb1fe51d', 'booking', '3', 'Paid', '{"eventType":"Paid","timestamp":"20261130212337","id":4,"bookingId":3,"status":"Paid","totalPrice":12000,"me":true}', '[["ce_specversion","1.0"],["ce_id","01a22e57-8451-72c2-8115-90c4eb1fe51d"],["ce_source","/payment"],["ce_type","movie.Paid.v1"],["ce_time","2026-11-30T21:23:37.166771821Z"],["ce_subject","bookings/3"],["content-type","application/json"],["type","Paid"],["traceparent","00-6f13441bc711441c90e0edf70eb03fde-a40826e9b3f31c29-01"]]', 1796073817166771, 1796073817193740);
INSERT INTO public.outbox OVERRIDING SYSTEM VALUE VALUES (5, '01a22e57-84f5-7091-876b-ba07d4863997', 'booking', '5', 'Paid', '{"eventType":"Paid","timestamp":"20261130212337","id":5,"bookingId":5,"status":"Paid","totalPrice":9000,"me":true}', '[["ce_specversion","1.0"],["ce_id","01a22e57-84f5-7091-876b-ba07d4863997"],["ce_source","/payment"],["ce_type","movie.Paid.v1"],["ce_time","2026-11-30T21:23:37.332434936Z"],["ce_subject","bookings/5"],["content-type","application/json"],["type","Paid"],["traceparent","00-a8ac404a99cb4a1e830bfdd89b1c9d0c-8c05dbfe4aa8d91b-01"]]', 1796073817332434, 1796073817342796);
INSERT INTO public.outbox OVERRIDING SYSTEM VALUE VALUES (6, '01a22e57-84f6-74ae-8af5-377effcab815', 'booking', '4', 'PaymentCanceled', '{"eventType":"PaymentCanceled","timestamp":"20261130212337","id":6,"bookingId":4,"status":"Voided","me":true}', '[["ce_specversion","1.0"],["ce_id","01a22e57-84f6-74ae-8af5-377effcab815"],["ce_source","/payment"],["ce_type","movie.PaymentCanceled.v1"],["ce_time","2026-11-30T21:23:37.331662817Z"],["ce_subject","bookings/4"],["content-type","application/json"],["type","PaymentCanceled"],["traceparent","00-7c659a495aad44549c1ff921bb5aefda-90303d9ca8d98be7-01"]]', 1796073817331662, 1796073817342796);
INSERT INTO public.outbox OVERRIDING SYSTEM VALUE VALUES (7, '01a22e57-8636-760a-92d6-a960f3393d7d', 'booking', '7', 'Paid', '{"eventType":"Paid","timestamp":"20261130212337","id":7,"bookingId":7,"status":"Paid","totalPrice":8000,"me":true}', '[["ce_specversion","1.0"],["ce_id","01a22e57-8636-760a-92d6-a960f3393d7d"],["ce_source","/payment"],["ce_type","movie.Paid.v1"],["ce_time","2026-11-30T21:23:37.651644407Z"],["ce_subject","bookings/7"],["content-type","application/json"],["type","Paid"],["traceparent","00-743baaf6426342ffa0d3b0e475ba1c61-ae83d8a4db53965f-01"]]', 1796073817651644, 1796073817670310);
INSERT INTO public.outbox OVERRIDING SYSTEM VALUE VALUES (8, '01a22e57-86d7-70e4-8e55-26f43979b1f2', 'booking', '8', 'Paid', '{"eventType":"Paid","timestamp":"20261130212337","id":8,"bookingId":8,"status":"Paid","totalPrice":6000,"me":true}', '[["ce_specversion","1.0"],["ce_id","01a22e57-86d7-70e4-8e55-26f43979b1f2"],["ce_source","/payment"],["ce_type","movie.Paid.v1"],["ce_time","2026-11-30T21:23:37.814016065Z"],["ce_subject","bookings/8"],["content-type","application/json"],["type","Paid"],["traceparent","00-5b2b3340038942d492cb674516abc00f-a42f8339805f4e91-01"]]', 1796073817814016, 1796073817823411);


--
-- Data for Name: payments; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.payments OVERRIDING SYSTEM VALUE VALUES (1, 1, 10000, 'Paid', 1796073816520630, 1796073816520630);
INSERT INTO public.payments OVERRIDING SYSTEM VALUE VALUES (2, 2, 5000, 'Canceled', 1796073816808304, 1796073816981171);
INSERT INTO public.payments OVERRIDING SYSTEM VALUE VALUES (4, 3, 12000, 'Paid', 1796073817166771, 1796073817166771);
INSERT INTO public.payments OVERRIDING SYSTEM VALUE VALUES (5, 5, 9000, 'Paid', 1796073817332434, 1796073817332434);
INSERT INTO public.payments OVERRIDING SYSTEM VALUE VALUES (6, 4, 0, 'Voided', 1796073817331662, 1796073817331662);
INSERT INTO public.payments OVERRIDING SYSTEM VALUE VALUES (7, 7, 8000, 'Paid', 1796073817651644, 1796073817651644);
INSERT INTO public.payments OVERRIDING SYSTEM VALUE VALUES (8, 8, 6000, 'Paid', 1796073817814016, 1796073817814016);


--
-- Name: outbox_seq_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.outbox_seq_seq', 8, true);


--
-- Name: payments_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.payments_id_seq', 8, true);


--
-- Name: _sqlx_migrations _sqlx_migrations_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public._sqlx_migrations
    ADD CONSTRAINT _sqlx_migrations_pkey PRIMARY KEY (version);


--
-- Name: idempotency_keys idempotency_keys_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.idempotency_keys
    ADD CONSTRAINT idempotency_keys_key PRIMARY KEY (idempotency_key);


--
-- Name: inbox inbox_once; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.inbox
    ADD CONSTRAINT inbox_once PRIMARY KEY (consumer, event_id);


--
-- Name: outbox outbox_id; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.outbox
    ADD CONSTRAINT outbox_id UNIQUE (id);


--
-- Name: outbox outbox_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.outbox
    ADD CONSTRAINT outbox_pkey PRIMARY KEY (seq);


--
-- Name: payments payments_booking_id; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.payments
    ADD CONSTRAINT payments_booking_id UNIQUE (booking_id);


--
-- Name: payments payments_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.payments
    ADD CONSTRAINT payments_pkey PRIMARY KEY (id);


--
-- Name: idempotency_keys_created_at; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX idempotency_keys_created_at ON public.idempotency_keys USING btree (created_at);


--
-- Name: inbox_seen_at; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX inbox_seen_at ON public.inbox USING btree (seen_at);


--
-- Name: outbox_unsent; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX outbox_unsent ON public.outbox USING btree (seq) WHERE (sent_at IS NULL);


--
-- PostgreSQL database dump complete
--


