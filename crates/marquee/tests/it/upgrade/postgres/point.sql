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
-- Name: points; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.points (
    id bigint NOT NULL,
    booking_id bigint NOT NULL,
    customer_id bigint,
    score bigint NOT NULL,
    contents text,
    status text NOT NULL,
    created_at bigint NOT NULL,
    CONSTRAINT points_score CHECK (((score >= 0) AND (score <= 10000)))
);


--
-- Name: points_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

ALTER TABLE public.points ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.points_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Data for Name: _sqlx_migrations; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public._sqlx_migrations VALUES (1, 'outbox and inbox', '2026-11-30 21:23:36.162494+00', true, '\xaf8378714b9a75675696b9adbef26231b8b0dea655d09854fda9eaadfdc904750995957ebeaafe1cb965c966994212a0', 32977660);
INSERT INTO public._sqlx_migrations VALUES (101, 'points', '2026-11-30 21:23:36.162494+00', true, '\x0b5e3ddba2a324e01aa641c167eaa2ed3d8d4ce33b141b40c046ea3131b69519fab53654fc2394415d992d1f13da7d26', 14306650);


--
-- Data for Name: inbox; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.inbox VALUES ('point', '01a22e57-81f4-76a6-9ade-f18043719b01', 1796073816591054);
INSERT INTO public.inbox VALUES ('point', '01a22e57-8304-72b2-b4a7-4acf7de0dff1', 1796073816853961);
INSERT INTO public.inbox VALUES ('point', '01a22e57-8486-735b-b3d5-a86df2f1aad4', 1796073817241835);
INSERT INTO public.inbox VALUES ('point', '01a22e57-8509-7542-9ea1-8651fa4223ee', 1796073817372219);
INSERT INTO public.inbox VALUES ('point', '01a22e57-865f-75ef-ab59-5cb4f9a46528', 1796073817711952);


--
-- Data for Name: outbox; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.outbox OVERRIDING SYSTEM VALUE VALUES (1, '01a22e57-8213-716b-bd1b-4f4c4a1bbc3e', 'booking', '1', 'WaitedPoint', '{"eventType":"WaitedPoint","timestamp":"20261130212336","id":1,"bookingId":1,"score":0,"contents":"soul","status":"Waiting Point","me":true}', '[["ce_specversion","1.0"],["ce_id","01a22e57-8213-716b-bd1b-4f4c4a1bbc3e"],["ce_source","/point"],["ce_type","movie.WaitedPoint.v1"],["ce_time","2026-11-30T21:23:36.591054083Z"],["ce_subject","bookings/1"],["content-type","application/json"],["type","WaitedPoint"],["traceparent","00-f0c73a4c77fb447697efe9f33d005a4f-8e2311ea6809c903-01"]]', 1796073816591054, 1796073816602629);
INSERT INTO public.outbox OVERRIDING SYSTEM VALUE VALUES (2, '01a22e57-8261-717e-ab12-66f83d8c313b', 'booking', '1', 'WrittenPoint', '{"eventType":"WrittenPoint","timestamp":"20261130212336","id":2,"bookingId":1,"customerId":null,"score":100,"contents":"soul","status":"Pointed","me":true}', '[["ce_specversion","1.0"],["ce_id","01a22e57-8261-717e-ab12-66f83d8c313b"],["ce_source","/point"],["ce_type","movie.WrittenPoint.v1"],["ce_time","2026-11-30T21:23:36.671663655Z"],["ce_subject","bookings/1"],["content-type","application/json"],["type","WrittenPoint"],["traceparent","00-b72507fe020c47d39a1a34cd376af0e0-a12a5f42ee830c47-01"]]', 1796073816671663, 1796073816677557);
INSERT INTO public.outbox OVERRIDING SYSTEM VALUE VALUES (3, '01a22e57-8319-7361-b4f3-c2159c093b44', 'booking', '2', 'WaitedPoint', '{"eventType":"WaitedPoint","timestamp":"20261130212336","id":3,"bookingId":2,"score":0,"contents":"soul","status":"Waiting Point","me":true}', '[["ce_specversion","1.0"],["ce_id","01a22e57-8319-7361-b4f3-c2159c093b44"],["ce_source","/point"],["ce_type","movie.WaitedPoint.v1"],["ce_time","2026-11-30T21:23:36.853961109Z"],["ce_subject","bookings/2"],["content-type","application/json"],["type","WaitedPoint"],["traceparent","00-fe939f656d2f4e18a7aa0533fd7019e1-aa445b2f7a96bd39-01"]]', 1796073816853961, 1796073816861292);
INSERT INTO public.outbox OVERRIDING SYSTEM VALUE VALUES (4, '01a22e57-849f-7196-a59a-cedadda8613a', 'booking', '3', 'WaitedPoint', '{"eventType":"WaitedPoint","timestamp":"20261130212337","id":4,"bookingId":3,"score":0,"contents":"Mother","status":"Waiting Point","me":true}', '[["ce_specversion","1.0"],["ce_id","01a22e57-849f-7196-a59a-cedadda8613a"],["ce_source","/point"],["ce_type","movie.WaitedPoint.v1"],["ce_time","2026-11-30T21:23:37.241835846Z"],["ce_subject","bookings/3"],["content-type","application/json"],["type","WaitedPoint"],["traceparent","00-6f13441bc711441c90e0edf70eb03fde-b84d8e0617dcb23f-01"]]', 1796073817241835, 1796073817251528);
INSERT INTO public.outbox OVERRIDING SYSTEM VALUE VALUES (5, '01a22e57-851e-70a5-ad06-c34080abe318', 'booking', '5', 'WaitedPoint', '{"eventType":"WaitedPoint","timestamp":"20261130212337","id":5,"bookingId":5,"score":0,"contents":"기생충","status":"Waiting Point","me":true}', '[["ce_specversion","1.0"],["ce_id","01a22e57-851e-70a5-ad06-c34080abe318"],["ce_source","/point"],["ce_type","movie.WaitedPoint.v1"],["ce_time","2026-11-30T21:23:37.372219992Z"],["ce_subject","bookings/5"],["content-type","application/json"],["type","WaitedPoint"],["traceparent","00-a8ac404a99cb4a1e830bfdd89b1c9d0c-91f5af626a2a511d-01"]]', 1796073817372219, 1796073817377767);
INSERT INTO public.outbox OVERRIDING SYSTEM VALUE VALUES (6, '01a22e57-8676-76bb-aba2-20a512d6db3c', 'booking', '7', 'WaitedPoint', '{"eventType":"WaitedPoint","timestamp":"20261130212337","id":6,"bookingId":7,"score":0,"contents":"soul","status":"Waiting Point","me":true}', '[["ce_specversion","1.0"],["ce_id","01a22e57-8676-76bb-aba2-20a512d6db3c"],["ce_source","/point"],["ce_type","movie.WaitedPoint.v1"],["ce_time","2026-11-30T21:23:37.71195278Z"],["ce_subject","bookings/7"],["content-type","application/json"],["type","WaitedPoint"],["traceparent","00-743baaf6426342ffa0d3b0e475ba1c61-8d5a6e745edd98f3-01"]]', 1796073817711952, 1796073817738819);


--
-- Data for Name: points; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.points OVERRIDING SYSTEM VALUE VALUES (1, 1, NULL, 0, 'soul', 'Waiting Point', 1796073816591054);
INSERT INTO public.points OVERRIDING SYSTEM VALUE VALUES (2, 1, NULL, 100, 'soul', 'Pointed', 1796073816671663);
INSERT INTO public.points OVERRIDING SYSTEM VALUE VALUES (3, 2, NULL, 0, 'soul', 'Waiting Point', 1796073816853961);
INSERT INTO public.points OVERRIDING SYSTEM VALUE VALUES (4, 3, 33, 0, 'Mother', 'Waiting Point', 1796073817241835);
INSERT INTO public.points OVERRIDING SYSTEM VALUE VALUES (5, 5, NULL, 0, '기생충', 'Waiting Point', 1796073817372219);
INSERT INTO public.points OVERRIDING SYSTEM VALUE VALUES (6, 7, NULL, 0, 'soul', 'Waiting Point', 1796073817711952);


--
-- Name: outbox_seq_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.outbox_seq_seq', 6, true);


--
-- Name: points_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.points_id_seq', 6, true);


--
-- Name: _sqlx_migrations _sqlx_migrations_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public._sqlx_migrations
    ADD CONSTRAINT _sqlx_migrations_pkey PRIMARY KEY (version);


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
-- Name: points points_booking_id_status; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.points
    ADD CONSTRAINT points_booking_id_status UNIQUE (booking_id, status);


--
-- Name: points points_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.points
    ADD CONSTRAINT points_pkey PRIMARY KEY (id);


--
-- Name: inbox_seen_at; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX inbox_seen_at ON public.inbox USING btree (seen_at);


--
-- Name: outbox_unsent; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX outbox_unsent ON public.outbox USING btree (seq) WHERE (sent_at IS NULL);


--
-- Name: points_customer_id; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX points_customer_id ON public.points USING btree (customer_id);


--
-- PostgreSQL database dump complete
--


