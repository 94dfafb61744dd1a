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
-- Name: bookings; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.bookings (
    id bigint NOT NULL,
    movie_name text,
    seat text,
    qty bigint NOT NULL,
    total_price bigint,
    name text NOT NULL,
    customer_id bigint,
    status text NOT NULL,
    paid smallint NOT NULL,
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL,
    screening_id bigint,
    held_until bigint,
    paying_until bigint,
    look_at bigint,
    looks bigint DEFAULT 0 NOT NULL,
    attempts bigint DEFAULT 1 NOT NULL,
    pay_later smallint DEFAULT 0 NOT NULL,
    in_doubt smallint DEFAULT 0 NOT NULL,
    CONSTRAINT bookings_qty CHECK (((qty >= 1) AND (qty <= 20))),
    CONSTRAINT bookings_total_price CHECK ((total_price >= 0))
);


--
-- Name: bookings_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

ALTER TABLE public.bookings ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.bookings_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Name: idempotency_keys; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.idempotency_keys (
    key text NOT NULL,
    fingerprint text NOT NULL,
    booking_id bigint NOT NULL,
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
-- Name: request_keys; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.request_keys (
    scope text NOT NULL,
    key text NOT NULL,
    fingerprint text NOT NULL,
    booking_id bigint NOT NULL,
    created_at bigint NOT NULL
);


--
-- Name: screening_seats; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.screening_seats (
    screening_id bigint NOT NULL,
    seat text NOT NULL,
    row_name text NOT NULL,
    row_number bigint NOT NULL,
    column_number bigint NOT NULL,
    kind text NOT NULL,
    price_class text NOT NULL,
    price bigint NOT NULL,
    CONSTRAINT screening_seats_price CHECK ((price >= 0))
);


--
-- Name: screenings; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.screenings (
    id bigint NOT NULL,
    movie_name text NOT NULL,
    theatre text NOT NULL,
    starts_at bigint NOT NULL,
    hall text,
    capacity bigint,
    price bigint,
    places_left bigint,
    created_at bigint NOT NULL,
    CONSTRAINT screenings_places_left CHECK (((places_left >= 0) AND (places_left <= capacity))),
    CONSTRAINT screenings_price CHECK ((price >= 0))
);


--
-- Name: screenings_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

ALTER TABLE public.screenings ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.screenings_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Name: seat_claims; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.seat_claims (
    place text NOT NULL,
    seat text NOT NULL,
    booking_id bigint NOT NULL
);


--
-- Data for Name: _sqlx_migrations; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public._sqlx_migrations VALUES (1, 'outbox and inbox', '2026-11-30 21:23:36.143492+00', true, '\xaf8378714b9a75675696b9adbef26231b8b0dea655d09854fda9eaadfdc904750995957ebeaafe1cb965c966994212a0', 37792015);
INSERT INTO public._sqlx_migrations VALUES (101, 'bookings', '2026-11-30 21:23:36.143492+00', true, '\xbd1f3522bf8c2a4bbe2c4b42c8bdcfd3d11ce4e406d28443ea09ff8bd7b6bccff08b8fe4da4f71432a7aafabffa5295c', 18999477);
INSERT INTO public._sqlx_migrations VALUES (102, 'screenings', '2026-11-30 21:23:36.143492+00', true, '\x8974feaa0328baa1563cd620a11b9fc0c45fc87a329ae74840124f9396afe115b39860fd18d8aae1bcda6ee72abce946', 107754567);
INSERT INTO public._sqlx_migrations VALUES (103, 'attempts in doubt', '2026-11-30 21:23:36.143492+00', true, '\x1f8d98b96ea6a9b57ed9dd2a70fbed1c136b9cd2cdd99414c33dd743d96caf11e748454e2fc213b69c0ff8a5e39b56a5', 3099817);
INSERT INTO public._sqlx_migrations VALUES (104, 'scoped keys', '2026-11-30 21:23:36.143492+00', true, '\x317aadd6f8a9c41a88b0d1cb7e26c4f5a37dac8fcd3eb534cde70dad9496d544537e363111ca4aa2bd6edaf3552cfa8a', 12776799);
INSERT INTO public._sqlx_migrations VALUES (105, 'holds end at the start', '2026-11-30 21:23:36.143492+00', true, '\x8940ff0786f6b7ab0b75e23ab5366a02297fe210e28704eead20b3f58e915de9a0b705f2a562202bb3e8198aefa103ac', 9900160);


--
-- Data for Name: bookings; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.bookings OVERRIDING SYSTEM VALUE VALUES (1, 'soul', '1A,2B', 2, 10000, 'CGV', NULL, 'PrintComplete', 1, 1796073816505085, 1796073816703880, NULL, 1796073876505085, 1796073823005085, 1796073823005085, 0, 1, 0, 0);
INSERT INTO public.bookings OVERRIDING SYSTEM VALUE VALUES (2, 'soul', '3C', 1, 5000, 'CGV', NULL, 'Canceled', 1, 1796073816799567, 1796073817012357, NULL, 1796073876799567, 1796073823299567, 1796073823299567, 0, 1, 0, 0);
INSERT INTO public.bookings OVERRIDING SYSTEM VALUE VALUES (3, 'Mother', '1A', 1, 12000, 'CGV', 33, 'PaidComplete', 1, 1796073817152479, 1796073817197062, 1, 1796073877152479, 1796073823652479, 1796073823652479, 0, 1, 0, 0);
INSERT INTO public.bookings OVERRIDING SYSTEM VALUE VALUES (5, '기생충', 'B2', 1, 9000, 'CGV', NULL, 'PaidComplete', 1, 1796073817323326, 1796073817355326, NULL, 1796073877323326, 1796073823823326, 1796073823823326, 0, 1, 0, 0);
INSERT INTO public.bookings OVERRIDING SYSTEM VALUE VALUES (4, 'soul', '4D', 1, 50001, 'CGV', NULL, 'Declined', 0, 1796073817289740, 1796073817355326, NULL, 1796073877289740, 1796073823789740, 1796073823789740, 0, 1, 0, 0);
INSERT INTO public.bookings OVERRIDING SYSTEM VALUE VALUES (6, 'soul', '6F', 1, 7000, 'CGV', NULL, 'PaymentPending', 0, 1796073817467465, 1796073817519012, NULL, 1796073877467465, NULL, 1796073819519012, 0, 1, 0, 1);
INSERT INTO public.bookings OVERRIDING SYSTEM VALUE VALUES (7, 'soul', '7G', 1, 8000, 'CGV', NULL, 'Canceling', 1, 1796073817641215, 1796073817830256, NULL, 1796073877641215, 1796073824141215, 1796073824141215, 0, 1, 0, 0);
INSERT INTO public.bookings OVERRIDING SYSTEM VALUE VALUES (8, 'soul', '8H', 1, 6000, 'CGV', NULL, 'PaidComplete', 1, 1796073817788180, 1796073817841284, NULL, 1796073877788180, 1796073824288180, 1796073824288180, 0, 1, 0, 0);


--
-- Data for Name: idempotency_keys; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: inbox; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.inbox VALUES ('book', '01a22e57-81d0-76a8-b741-15163e056fae', 1796073816549729);
INSERT INTO public.inbox VALUES ('book', '01a22e57-8266-74a4-ab12-c46224d867ec', 1796073816703880);
INSERT INTO public.inbox VALUES ('book', '01a22e57-82ea-711c-828e-de3d7a434cf8', 1796073816829965);
INSERT INTO public.inbox VALUES ('book', '01a22e57-8398-75a2-bdbe-74fc433ec675', 1796073817012357);
INSERT INTO public.inbox VALUES ('book', '01a22e57-8451-72c2-8115-90c4eb1fe51d', 1796073817197062);
INSERT INTO public.inbox VALUES ('book', '01a22e57-84f5-7091-876b-ba07d4863997', 1796073817355326);
INSERT INTO public.inbox VALUES ('book', '01a22e57-84f6-74ae-8af5-377effcab815', 1796073817355326);
INSERT INTO public.inbox VALUES ('book', '01a22e57-8636-760a-92d6-a960f3393d7d', 1796073817702754);
INSERT INTO public.inbox VALUES ('book', '01a22e57-86d7-70e4-8e55-26f43979b1f2', 1796073817841284);


--
-- Data for Name: outbox; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.outbox OVERRIDING SYSTEM VALUE VALUES (1, '01a22e57-81d6-740e-af51-c91b99b3c90d', 'booking', '1', 'Booked', '{"eventType":"Booked","timestamp":"20261130212336","id":1,"qty":2,"seat":"1A,2B","movieName":"soul","status":"Registered","totalPrice":10000,"name":"CGV","customerId":null,"screeningId":null,"me":true}', '[["ce_specversion","1.0"],["ce_id","01a22e57-81d6-740e-af51-c91b99b3c90d"],["ce_source","/book"],["ce_type","movie.Booked.v1"],["ce_time","2026-11-30T21:23:36.531903212Z"],["ce_subject","bookings/1"],["content-type","application/json"],["type","Booked"],["traceparent","00-f0c73a4c77fb447697efe9f33d005a4f-85dbf31c6b170609-01"]]', 1796073816531903, 1796073816543082);
INSERT INTO public.outbox OVERRIDING SYSTEM VALUE VALUES (2, '01a22e57-82f0-7455-8875-560615e7eeac', 'booking', '2', 'Booked', '{"eventType":"Booked","timestamp":"20261130212336","id":2,"qty":1,"seat":"3C","movieName":"soul","status":"Registered","totalPrice":5000,"name":"CGV","customerId":null,"screeningId":null,"me":true}', '[["ce_specversion","1.0"],["ce_id","01a22e57-82f0-7455-8875-560615e7eeac"],["ce_source","/book"],["ce_type","movie.Booked.v1"],["ce_time","2026-11-30T21:23:36.814220787Z"],["ce_subject","bookings/2"],["content-type","application/json"],["type","Booked"],["traceparent","00-fe939f656d2f4e18a7aa0533fd7019e1-90c26b790351f9db-01"]]', 1796073816814220, 1796073816826850);
INSERT INTO public.outbox OVERRIDING SYSTEM VALUE VALUES (3, '01a22e57-836f-72bb-9b2c-fe6d573e9da3', 'booking', '2', 'CancelRequested', '{"eventType":"CancelRequested","timestamp":"20261130212336","id":2,"status":"Canceling","me":true}', '[["ce_specversion","1.0"],["ce_id","01a22e57-836f-72bb-9b2c-fe6d573e9da3"],["ce_source","/book"],["ce_type","movie.CancelRequested.v1"],["ce_time","2026-11-30T21:23:36.941618048Z"],["ce_subject","bookings/2"],["content-type","application/json"],["type","CancelRequested"],["traceparent","00-e7cfde34eb1c43d9806e2109bf29da20-88c15e4bb6c70bc9-01"]]', 1796073816941618, 1796073816949598);
INSERT INTO public.outbox OVERRIDING SYSTEM VALUE VALUES (4, '01a22e57-83bb-75c3-ba78-be20b66a746b', 'booking', '2', 'Canceled', '{"eventType":"Canceled","timestamp":"20261130212337","id":2,"status":"Canceled","me":true}', '[["ce_specversion","1.0"],["ce_id","01a22e57-83bb-75c3-ba78-be20b66a746b"],["ce_source","/book"],["ce_type","movie.Canceled.v1"],["ce_time","2026-11-30T21:23:37.012357146Z"],["ce_subject","bookings/2"],["content-type","application/json"],["type","Canceled"],["traceparent","00-e7cfde34eb1c43d9806e2109bf29da20-af32b09224516f39-01"]]', 1796073817012357, 1796073817030193);
INSERT INTO public.outbox OVERRIDING SYSTEM VALUE VALUES (5, '01a22e57-8453-775f-83b9-0a18c77656d6', 'booking', '3', 'Booked', '{"eventType":"Booked","timestamp":"20261130212337","id":3,"qty":1,"seat":"1A","movieName":"Mother","status":"Registered","totalPrice":12000,"name":"CGV","customerId":33,"screeningId":1,"me":true}', '[["ce_specversion","1.0"],["ce_id","01a22e57-8453-775f-83b9-0a18c77656d6"],["ce_source","/book"],["ce_type","movie.Booked.v1"],["ce_time","2026-11-30T21:23:37.170816161Z"],["ce_subject","bookings/3"],["content-type","application/json"],["type","Booked"],["traceparent","00-6f13441bc711441c90e0edf70eb03fde-880f2e5783f6c725-01"]]', 1796073817170816, 1796073817201313);
INSERT INTO public.outbox OVERRIDING SYSTEM VALUE VALUES (6, '01a22e57-84e2-76ea-b169-b26b7fa68f39', 'booking', '4', 'HoldExpired', '{"eventType":"HoldExpired","timestamp":"20261130212337","id":4,"status":"Declined","qty":1,"seat":"4D","movieName":"soul","totalPrice":50001,"customerId":null,"me":true}', '[["ce_specversion","1.0"],["ce_id","01a22e57-84e2-76ea-b169-b26b7fa68f39"],["ce_source","/book"],["ce_type","movie.HoldExpired.v1"],["ce_time","2026-11-30T21:23:37.308396112Z"],["ce_subject","bookings/4"],["content-type","application/json"],["type","HoldExpired"],["traceparent","00-7c659a495aad44549c1ff921bb5aefda-80ce41530ea3525f-01"]]', 1796073817308396, 1796073817321604);
INSERT INTO public.outbox OVERRIDING SYSTEM VALUE VALUES (7, '01a22e57-84fb-7473-bf32-e623cff26581', 'booking', '5', 'Booked', '{"eventType":"Booked","timestamp":"20261130212337","id":5,"qty":1,"seat":"B2","movieName":"기생충","status":"Registered","totalPrice":9000,"name":"CGV","customerId":null,"screeningId":null,"me":true}', '[["ce_specversion","1.0"],["ce_id","01a22e57-84fb-7473-bf32-e623cff26581"],["ce_source","/book"],["ce_type","movie.Booked.v1"],["ce_time","2026-11-30T21:23:37.337235886Z"],["ce_subject","bookings/5"],["content-type","application/json"],["type","Booked"],["traceparent","00-a8ac404a99cb4a1e830bfdd89b1c9d0c-83b75afc13b1d071-01"]]', 1796073817337235, 1796073817347391);
INSERT INTO public.outbox OVERRIDING SYSTEM VALUE VALUES (8, '01a22e57-863d-7180-be64-795900eb7e2a', 'booking', '7', 'Booked', '{"eventType":"Booked","timestamp":"20261130212337","id":7,"qty":1,"seat":"7G","movieName":"soul","status":"Registered","totalPrice":8000,"name":"CGV","customerId":null,"screeningId":null,"me":true}', '[["ce_specversion","1.0"],["ce_id","01a22e57-863d-7180-be64-795900eb7e2a"],["ce_source","/book"],["ce_type","movie.Booked.v1"],["ce_time","2026-11-30T21:23:37.657639609Z"],["ce_subject","bookings/7"],["content-type","application/json"],["type","Booked"],["traceparent","00-743baaf6426342ffa0d3b0e475ba1c61-ba92abfd8f81fbe7-01"]]', 1796073817657639, 1796073817677540);
INSERT INTO public.outbox OVERRIDING SYSTEM VALUE VALUES (9, '01a22e57-86db-72ec-8e2b-fff95ea3f0e8', 'booking', '8', 'Booked', '{"eventType":"Booked","timestamp":"20261130212337","id":8,"qty":1,"seat":"8H","movieName":"soul","status":"Registered","totalPrice":6000,"name":"CGV","customerId":null,"screeningId":null,"me":true}', '[["ce_specversion","1.0"],["ce_id","01a22e57-86db-72ec-8e2b-fff95ea3f0e8"],["ce_source","/book"],["ce_type","movie.Booked.v1"],["ce_time","2026-11-30T21:23:37.818841972Z"],["ce_subject","bookings/8"],["content-type","application/json"],["type","Booked"],["traceparent","00-5b2b3340038942d492cb674516abc00f-bcbb5a88f55484eb-01"]]', 1796073817818841, 1796073817826556);
INSERT INTO public.outbox OVERRIDING SYSTEM VALUE VALUES (10, '01a22e57-86e8-74ce-9333-cc496f891968', 'booking', '7', 'CancelRequested', '{"eventType":"CancelRequested","timestamp":"20261130212337","id":7,"status":"Canceling","me":true}', '[["ce_specversion","1.0"],["ce_id","01a22e57-86e8-74ce-9333-cc496f891968"],["ce_source","/book"],["ce_type","movie.CancelRequested.v1"],["ce_time","2026-11-30T21:23:37.830256023Z"],["ce_subject","bookings/7"],["content-type","application/json"],["type","CancelRequested"],["traceparent","00-d46d602d92f3494faa15e48795ac7dfd-8b3232de07f1b3df-01"]]', 1796073817830256, 1796073817852177);


--
-- Data for Name: request_keys; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.request_keys VALUES ('customer:33', 'recorded', '887883b2b565184fcaf936fe3b1746a70035c79576c1fecc30c077104bbcb4c7', 3, 1796073817152479);


--
-- Data for Name: screening_seats; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.screening_seats VALUES (1, '1A', '1', 0, 0, 'standard', 'standard', 12000);
INSERT INTO public.screening_seats VALUES (1, '1B', '1', 0, 1, 'standard', 'standard', 12000);


--
-- Data for Name: screenings; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.screenings OVERRIDING SYSTEM VALUE VALUES (1, 'Mother', 'Hall 1', 32501071800000000, '{"rows":[{"name":"1","seats":"AB","priceClass":"standard"}]}', NULL, NULL, NULL, 1796073817142759);


--
-- Data for Name: seat_claims; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.seat_claims VALUES ('movie:soul', '1A', 1);
INSERT INTO public.seat_claims VALUES ('movie:soul', '2B', 1);
INSERT INTO public.seat_claims VALUES ('screening:1', '1A', 3);
INSERT INTO public.seat_claims VALUES ('movie:기생충', 'B2', 5);
INSERT INTO public.seat_claims VALUES ('movie:soul', '6F', 6);
INSERT INTO public.seat_claims VALUES ('movie:soul', '7G', 7);
INSERT INTO public.seat_claims VALUES ('movie:soul', '8H', 8);


--
-- Name: bookings_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.bookings_id_seq', 8, true);


--
-- Name: outbox_seq_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.outbox_seq_seq', 10, true);


--
-- Name: screenings_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.screenings_id_seq', 1, true);


--
-- Name: _sqlx_migrations _sqlx_migrations_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public._sqlx_migrations
    ADD CONSTRAINT _sqlx_migrations_pkey PRIMARY KEY (version);


--
-- Name: bookings bookings_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.bookings
    ADD CONSTRAINT bookings_pkey PRIMARY KEY (id);


--
-- Name: idempotency_keys idempotency_keys_once; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.idempotency_keys
    ADD CONSTRAINT idempotency_keys_once PRIMARY KEY (key);


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
-- Name: request_keys request_keys_scoped; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.request_keys
    ADD CONSTRAINT request_keys_scoped PRIMARY KEY (scope, key);


--
-- Name: screening_seats screening_seats_once; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.screening_seats
    ADD CONSTRAINT screening_seats_once PRIMARY KEY (screening_id, seat);


--
-- Name: screenings screenings_once; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.screenings
    ADD CONSTRAINT screenings_once UNIQUE (theatre, starts_at);


--
-- Name: screenings screenings_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.screenings
    ADD CONSTRAINT screenings_pkey PRIMARY KEY (id);


--
-- Name: seat_claims seat_claims_once; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.seat_claims
    ADD CONSTRAINT seat_claims_once PRIMARY KEY (place, seat);


--
-- Name: bookings_customer; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX bookings_customer ON public.bookings USING btree (customer_id, id);


--
-- Name: bookings_held; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX bookings_held ON public.bookings USING btree (held_until) WHERE (status = 'PaymentPending'::text);


--
-- Name: idempotency_keys_age; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX idempotency_keys_age ON public.idempotency_keys USING btree (created_at);


--
-- Name: idempotency_keys_booking; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX idempotency_keys_booking ON public.idempotency_keys USING btree (booking_id);


--
-- Name: inbox_seen_at; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX inbox_seen_at ON public.inbox USING btree (seen_at);


--
-- Name: outbox_unsent; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX outbox_unsent ON public.outbox USING btree (seq) WHERE (sent_at IS NULL);


--
-- Name: request_keys_age; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX request_keys_age ON public.request_keys USING btree (created_at);


--
-- Name: request_keys_booking; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX request_keys_booking ON public.request_keys USING btree (booking_id);


--
-- Name: screenings_programme; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX screenings_programme ON public.screenings USING btree (starts_at, id);


--
-- Name: seat_claims_booking; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX seat_claims_booking ON public.seat_claims USING btree (booking_id);


--
-- PostgreSQL database dump complete
--


