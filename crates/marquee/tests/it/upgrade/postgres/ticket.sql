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
-- Name: tickets; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.tickets (
    booking_id bigint NOT NULL,
    movie_name text,
    qty bigint,
    seat text,
    customer_id bigint,
    status text NOT NULL,
    asks bigint NOT NULL,
    issued smallint NOT NULL,
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL,
    CONSTRAINT tickets_asks CHECK ((asks >= 0))
);


--
-- Data for Name: _sqlx_migrations; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public._sqlx_migrations VALUES (1, 'outbox and inbox', '2026-11-30 21:23:36.188971+00', true, '\xaf8378714b9a75675696b9adbef26231b8b0dea655d09854fda9eaadfdc904750995957ebeaafe1cb965c966994212a0', 12056507);
INSERT INTO public._sqlx_migrations VALUES (101, 'tickets', '2026-11-30 21:23:36.188971+00', true, '\x820c8932190dca54d2783e4987d1782c3e1966aefdb61e8a7d374c53377ca00ba9b4346a22a1cfd16fc817e82ebe7900', 10653303);


--
-- Data for Name: inbox; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.inbox VALUES ('ticket', '01a22e57-81d6-740e-af51-c91b99b3c90d', 1796073816559774);
INSERT INTO public.inbox VALUES ('ticket', '01a22e57-82f0-7455-8875-560615e7eeac', 1796073816834391);
INSERT INTO public.inbox VALUES ('ticket', '01a22e57-836f-72bb-9b2c-fe6d573e9da3', 1796073816970909);
INSERT INTO public.inbox VALUES ('ticket', '01a22e57-8453-775f-83b9-0a18c77656d6', 1796073817219539);
INSERT INTO public.inbox VALUES ('ticket', '01a22e57-84fb-7473-bf32-e623cff26581', 1796073817351656);
INSERT INTO public.inbox VALUES ('ticket', '01a22e57-863d-7180-be64-795900eb7e2a', 1796073817692879);


--
-- Data for Name: outbox; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.outbox OVERRIDING SYSTEM VALUE VALUES (1, '01a22e57-81f4-76a6-9ade-f18043719b01', 'booking', '1', 'Created', '{"eventType":"Created","timestamp":"20261130212336","id":1,"bookingId":1,"status":"Waiting","movieName":"soul","qty":2,"seat":"1A,2B","customerId":null,"me":true}', '[["ce_specversion","1.0"],["ce_id","01a22e57-81f4-76a6-9ade-f18043719b01"],["ce_source","/ticket"],["ce_type","movie.Created.v1"],["ce_time","2026-11-30T21:23:36.559774509Z"],["ce_subject","bookings/1"],["content-type","application/json"],["type","Created"],["traceparent","00-f0c73a4c77fb447697efe9f33d005a4f-873c647b1b139c4b-01"]]', 1796073816559774, 1796073816573191);
INSERT INTO public.outbox OVERRIDING SYSTEM VALUE VALUES (2, '01a22e57-8266-74a4-ab12-c46224d867ec', 'booking', '1', 'Printed', '{"eventType":"Printed","timestamp":"20261130212336","id":1,"bookingId":1,"status":"Printed","me":true}', '[["ce_specversion","1.0"],["ce_id","01a22e57-8266-74a4-ab12-c46224d867ec"],["ce_source","/ticket"],["ce_type","movie.Printed.v1"],["ce_time","2026-11-30T21:23:36.675778578Z"],["ce_subject","bookings/1"],["content-type","application/json"],["type","Printed"],["traceparent","00-b72507fe020c47d39a1a34cd376af0e0-b0028bb4531b6ead-01"]]', 1796073816675778, 1796073816683469);
INSERT INTO public.outbox OVERRIDING SYSTEM VALUE VALUES (3, '01a22e57-8304-72b2-b4a7-4acf7de0dff1', 'booking', '2', 'Created', '{"eventType":"Created","timestamp":"20261130212336","id":2,"bookingId":2,"status":"Waiting","movieName":"soul","qty":1,"seat":"3C","customerId":null,"me":true}', '[["ce_specversion","1.0"],["ce_id","01a22e57-8304-72b2-b4a7-4acf7de0dff1"],["ce_source","/ticket"],["ce_type","movie.Created.v1"],["ce_time","2026-11-30T21:23:36.834391322Z"],["ce_subject","bookings/2"],["content-type","application/json"],["type","Created"],["traceparent","00-fe939f656d2f4e18a7aa0533fd7019e1-81cd1c0d632ff6f1-01"]]', 1796073816834391, 1796073816841762);
INSERT INTO public.outbox OVERRIDING SYSTEM VALUE VALUES (4, '01a22e57-838d-7498-90ff-18a4a79b4daa', 'booking', '2', 'TicketCanceled', '{"eventType":"TicketCanceled","timestamp":"20261130212336","id":2,"bookingId":2,"status":"Canceled","me":true}', '[["ce_specversion","1.0"],["ce_id","01a22e57-838d-7498-90ff-18a4a79b4daa"],["ce_source","/ticket"],["ce_type","movie.TicketCanceled.v1"],["ce_time","2026-11-30T21:23:36.970909219Z"],["ce_subject","bookings/2"],["content-type","application/json"],["type","TicketCanceled"],["traceparent","00-e7cfde34eb1c43d9806e2109bf29da20-984408bc04aee111-01"]]', 1796073816970909, 1796073816978047);
INSERT INTO public.outbox OVERRIDING SYSTEM VALUE VALUES (5, '01a22e57-8486-735b-b3d5-a86df2f1aad4', 'booking', '3', 'Created', '{"eventType":"Created","timestamp":"20261130212337","id":3,"bookingId":3,"status":"Waiting","movieName":"Mother","qty":1,"seat":"1A","customerId":33,"me":true}', '[["ce_specversion","1.0"],["ce_id","01a22e57-8486-735b-b3d5-a86df2f1aad4"],["ce_source","/ticket"],["ce_type","movie.Created.v1"],["ce_time","2026-11-30T21:23:37.219539381Z"],["ce_subject","bookings/3"],["content-type","application/json"],["type","Created"],["traceparent","00-6f13441bc711441c90e0edf70eb03fde-83d1b15bd0428703-01"]]', 1796073817219539, 1796073817232639);
INSERT INTO public.outbox OVERRIDING SYSTEM VALUE VALUES (6, '01a22e57-8509-7542-9ea1-8651fa4223ee', 'booking', '5', 'Created', '{"eventType":"Created","timestamp":"20261130212337","id":5,"bookingId":5,"status":"Waiting","movieName":"기생충","qty":1,"seat":"B2","customerId":null,"me":true}', '[["ce_specversion","1.0"],["ce_id","01a22e57-8509-7542-9ea1-8651fa4223ee"],["ce_source","/ticket"],["ce_type","movie.Created.v1"],["ce_time","2026-11-30T21:23:37.35165665Z"],["ce_subject","bookings/5"],["content-type","application/json"],["type","Created"],["traceparent","00-a8ac404a99cb4a1e830bfdd89b1c9d0c-916de607997dbe91-01"]]', 1796073817351656, 1796073817361568);
INSERT INTO public.outbox OVERRIDING SYSTEM VALUE VALUES (7, '01a22e57-865f-75ef-ab59-5cb4f9a46528', 'booking', '7', 'Created', '{"eventType":"Created","timestamp":"20261130212337","id":7,"bookingId":7,"status":"Waiting","movieName":"soul","qty":1,"seat":"7G","customerId":null,"me":true}', '[["ce_specversion","1.0"],["ce_id","01a22e57-865f-75ef-ab59-5cb4f9a46528"],["ce_source","/ticket"],["ce_type","movie.Created.v1"],["ce_time","2026-11-30T21:23:37.692879815Z"],["ce_subject","bookings/7"],["content-type","application/json"],["type","Created"],["traceparent","00-743baaf6426342ffa0d3b0e475ba1c61-9c8dc70a3f77a549-01"]]', 1796073817692879, 1796073817698207);


--
-- Data for Name: tickets; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.tickets VALUES (1, 'soul', 2, '1A,2B', NULL, 'Printed', 1, 1, 1796073816559774, 1796073816675778);
INSERT INTO public.tickets VALUES (2, 'soul', 1, '3C', NULL, 'Canceled', 0, 1, 1796073816834391, 1796073816970909);
INSERT INTO public.tickets VALUES (3, 'Mother', 1, '1A', 33, 'Waiting', 0, 1, 1796073817219539, 1796073817219539);
INSERT INTO public.tickets VALUES (5, '기생충', 1, 'B2', NULL, 'Waiting', 0, 1, 1796073817351656, 1796073817351656);
INSERT INTO public.tickets VALUES (7, 'soul', 1, '7G', NULL, 'Waiting', 0, 1, 1796073817692879, 1796073817692879);


--
-- Name: outbox_seq_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.outbox_seq_seq', 7, true);


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
-- Name: tickets tickets_booking; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.tickets
    ADD CONSTRAINT tickets_booking PRIMARY KEY (booking_id);


--
-- Name: inbox_seen_at; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX inbox_seen_at ON public.inbox USING btree (seen_at);


--
-- Name: outbox_unsent; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX outbox_unsent ON public.outbox USING btree (seq) WHERE (sent_at IS NULL);


--
-- Name: tickets_printing; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX tickets_printing ON public.tickets USING btree (updated_at) WHERE (status = 'Printing'::text);


--
-- PostgreSQL database dump complete
--


