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
-- Name: mypages; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.mypages (
    booking_id bigint NOT NULL,
    booked smallint NOT NULL,
    customer_id bigint,
    movie_name text,
    seat text,
    qty bigint,
    price bigint,
    status text NOT NULL,
    score bigint,
    ticket_id bigint,
    updated_at bigint NOT NULL,
    given_up smallint DEFAULT 0 NOT NULL,
    refunded smallint DEFAULT 0 NOT NULL,
    shown smallint DEFAULT 0 NOT NULL
);


--
-- Name: mypages_shadow; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.mypages_shadow (
    booking_id bigint NOT NULL,
    booked smallint NOT NULL,
    customer_id bigint,
    movie_name text,
    seat text,
    qty bigint,
    price bigint,
    status text NOT NULL,
    score bigint,
    ticket_id bigint,
    updated_at bigint NOT NULL,
    given_up smallint DEFAULT 0 NOT NULL,
    refunded smallint DEFAULT 0 NOT NULL,
    shown smallint DEFAULT 0 NOT NULL
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
-- Name: rebuilds; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.rebuilds (
    started_at bigint NOT NULL,
    stage text NOT NULL
);


--
-- Name: timeline; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.timeline (
    booking_id bigint NOT NULL,
    event text NOT NULL,
    happened_at bigint NOT NULL
);


--
-- Name: timeline_shadow; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.timeline_shadow (
    booking_id bigint NOT NULL,
    event text NOT NULL,
    happened_at bigint NOT NULL
);


--
-- Data for Name: _sqlx_migrations; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public._sqlx_migrations VALUES (1, 'outbox and inbox', '2026-11-30 21:23:36.200903+00', true, '\xaf8378714b9a75675696b9adbef26231b8b0dea655d09854fda9eaadfdc904750995957ebeaafe1cb965c966994212a0', 23728412);
INSERT INTO public._sqlx_migrations VALUES (101, 'mypages', '2026-11-30 21:23:36.200903+00', true, '\xdfaaee56e895b7be9375933b661cf76c3a83cbd90f64036b2f6aa1fcb222d057994e343f2c07da547cb6284a591dcf44', 30127320);
INSERT INTO public._sqlx_migrations VALUES (102, 'rebuilds', '2026-11-30 21:23:36.200903+00', true, '\x304e883fdc49c075be49e0b187426def8e547f3d2a89febfcac1d774f6341a2974329a7910907229b22ef0aba8ae059e', 32528547);
INSERT INTO public._sqlx_migrations VALUES (103, 'refunds', '2026-11-30 21:23:36.200903+00', true, '\xd6527dc05ea066a1f75b161e2e73e5f124779f2aaf77a2565b8ccc897f169f31ae6460d2bb5a15a6c0214f97d272d56e', 4244786);


--
-- Data for Name: inbox; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.inbox VALUES ('mypage', '01a22e57-81d0-76a8-b741-15163e056fae', 1796073816563048);
INSERT INTO public.inbox VALUES ('mypage', '01a22e57-81d6-740e-af51-c91b99b3c90d', 1796073816563048);
INSERT INTO public.inbox VALUES ('mypage', '01a22e57-81f4-76a6-9ade-f18043719b01', 1796073816584337);
INSERT INTO public.inbox VALUES ('mypage', '01a22e57-8213-716b-bd1b-4f4c4a1bbc3e', 1796073816606620);
INSERT INTO public.inbox VALUES ('mypage', '01a22e57-8261-717e-ab12-66f83d8c313b', 1796073816699317);
INSERT INTO public.inbox VALUES ('mypage', '01a22e57-8266-74a4-ab12-c46224d867ec', 1796073816699317);
INSERT INTO public.inbox VALUES ('mypage', '01a22e57-82ea-711c-828e-de3d7a434cf8', 1796073816825289);
INSERT INTO public.inbox VALUES ('mypage', '01a22e57-82f0-7455-8875-560615e7eeac', 1796073816846784);
INSERT INTO public.inbox VALUES ('mypage', '01a22e57-8304-72b2-b4a7-4acf7de0dff1', 1796073816846784);
INSERT INTO public.inbox VALUES ('mypage', '01a22e57-8319-7361-b4f3-c2159c093b44', 1796073816868343);
INSERT INTO public.inbox VALUES ('mypage', '01a22e57-8398-75a2-bdbe-74fc433ec675', 1796073817002180);
INSERT INTO public.inbox VALUES ('mypage', '01a22e57-83bb-75c3-ba78-be20b66a746b', 1796073817032334);
INSERT INTO public.inbox VALUES ('mypage', '01a22e57-8451-72c2-8115-90c4eb1fe51d', 1796073817194429);
INSERT INTO public.inbox VALUES ('mypage', '01a22e57-8453-775f-83b9-0a18c77656d6', 1796073817216007);
INSERT INTO public.inbox VALUES ('mypage', '01a22e57-8486-735b-b3d5-a86df2f1aad4', 1796073817238222);
INSERT INTO public.inbox VALUES ('mypage', '01a22e57-849f-7196-a59a-cedadda8613a', 1796073817264948);
INSERT INTO public.inbox VALUES ('mypage', '01a22e57-84e2-76ea-b169-b26b7fa68f39', 1796073817325848);
INSERT INTO public.inbox VALUES ('mypage', '01a22e57-84f5-7091-876b-ba07d4863997', 1796073817347759);
INSERT INTO public.inbox VALUES ('mypage', '01a22e57-84f6-74ae-8af5-377effcab815', 1796073817347759);
INSERT INTO public.inbox VALUES ('mypage', '01a22e57-84fb-7473-bf32-e623cff26581', 1796073817347759);
INSERT INTO public.inbox VALUES ('mypage', '01a22e57-8509-7542-9ea1-8651fa4223ee', 1796073817369016);
INSERT INTO public.inbox VALUES ('mypage', '01a22e57-851e-70a5-ad06-c34080abe318', 1796073817391354);
INSERT INTO public.inbox VALUES ('mypage', '01a22e57-8636-760a-92d6-a960f3393d7d', 1796073817695694);
INSERT INTO public.inbox VALUES ('mypage', '01a22e57-863d-7180-be64-795900eb7e2a', 1796073817695694);
INSERT INTO public.inbox VALUES ('mypage', '01a22e57-865f-75ef-ab59-5cb4f9a46528', 1796073817726270);
INSERT INTO public.inbox VALUES ('mypage', '01a22e57-8676-76bb-aba2-20a512d6db3c', 1796073817747183);
INSERT INTO public.inbox VALUES ('mypage', '01a22e57-86d7-70e4-8e55-26f43979b1f2', 1796073817845189);
INSERT INTO public.inbox VALUES ('mypage', '01a22e57-86db-72ec-8e2b-fff95ea3f0e8', 1796073817845189);


--
-- Data for Name: mypages; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.mypages VALUES (1, 1, NULL, 'soul', '1A,2B', 2, 10000, 'Printed', 100, 1, 1796073816675778, 0, 0, 1);
INSERT INTO public.mypages VALUES (2, 1, NULL, 'soul', '3C', 1, 5000, 'Canceled', 0, 2, 1796073817012357, 0, 1, 1);
INSERT INTO public.mypages VALUES (3, 1, 33, 'Mother', '1A', 1, 12000, 'Booked', 0, 3, 1796073817241835, 0, 0, 1);
INSERT INTO public.mypages VALUES (4, 0, NULL, 'soul', '4D', 1, 50001, 'Canceled', NULL, NULL, 1796073817331662, 1, 0, 0);
INSERT INTO public.mypages VALUES (5, 1, NULL, '기생충', 'B2', 1, 9000, 'Booked', 0, 5, 1796073817372219, 0, 0, 1);
INSERT INTO public.mypages VALUES (7, 1, NULL, 'soul', '7G', 1, 8000, 'Booked', 0, 7, 1796073817711952, 0, 0, 1);
INSERT INTO public.mypages VALUES (8, 1, NULL, 'soul', '8H', 1, 6000, 'Booked', NULL, NULL, 1796073817818841, 0, 0, 1);


--
-- Data for Name: mypages_shadow; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: outbox; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: rebuilds; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: timeline; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.timeline VALUES (1, 'Booked', 1796073816531903);
INSERT INTO public.timeline VALUES (1, 'Paid', 1796073816520630);
INSERT INTO public.timeline VALUES (1, 'Created', 1796073816559774);
INSERT INTO public.timeline VALUES (1, 'WaitedPoint', 1796073816591054);
INSERT INTO public.timeline VALUES (1, 'Printed', 1796073816675778);
INSERT INTO public.timeline VALUES (1, 'WrittenPoint', 1796073816671663);
INSERT INTO public.timeline VALUES (2, 'Paid', 1796073816808304);
INSERT INTO public.timeline VALUES (2, 'Booked', 1796073816814220);
INSERT INTO public.timeline VALUES (2, 'Created', 1796073816834391);
INSERT INTO public.timeline VALUES (2, 'WaitedPoint', 1796073816853961);
INSERT INTO public.timeline VALUES (2, 'PaymentCanceled', 1796073816981171);
INSERT INTO public.timeline VALUES (2, 'Canceled', 1796073817012357);
INSERT INTO public.timeline VALUES (3, 'Paid', 1796073817166771);
INSERT INTO public.timeline VALUES (3, 'Booked', 1796073817170816);
INSERT INTO public.timeline VALUES (3, 'Created', 1796073817219539);
INSERT INTO public.timeline VALUES (3, 'WaitedPoint', 1796073817241835);
INSERT INTO public.timeline VALUES (4, 'HoldExpired', 1796073817308396);
INSERT INTO public.timeline VALUES (4, 'PaymentCanceled', 1796073817331662);
INSERT INTO public.timeline VALUES (5, 'Booked', 1796073817337235);
INSERT INTO public.timeline VALUES (5, 'Paid', 1796073817332434);
INSERT INTO public.timeline VALUES (5, 'Created', 1796073817351656);
INSERT INTO public.timeline VALUES (5, 'WaitedPoint', 1796073817372219);
INSERT INTO public.timeline VALUES (7, 'Booked', 1796073817657639);
INSERT INTO public.timeline VALUES (7, 'Paid', 1796073817651644);
INSERT INTO public.timeline VALUES (7, 'Created', 1796073817692879);
INSERT INTO public.timeline VALUES (7, 'WaitedPoint', 1796073817711952);
INSERT INTO public.timeline VALUES (8, 'Booked', 1796073817818841);
INSERT INTO public.timeline VALUES (8, 'Paid', 1796073817814016);


--
-- Data for Name: timeline_shadow; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Name: outbox_seq_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.outbox_seq_seq', 1, false);


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
-- Name: mypages mypages_booking; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.mypages
    ADD CONSTRAINT mypages_booking PRIMARY KEY (booking_id);


--
-- Name: mypages_shadow mypages_shadow_booking; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.mypages_shadow
    ADD CONSTRAINT mypages_shadow_booking PRIMARY KEY (booking_id);


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
-- Name: rebuilds rebuilds_started; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.rebuilds
    ADD CONSTRAINT rebuilds_started PRIMARY KEY (started_at);


--
-- Name: timeline timeline_once; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.timeline
    ADD CONSTRAINT timeline_once PRIMARY KEY (booking_id, event);


--
-- Name: timeline_shadow timeline_shadow_once; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.timeline_shadow
    ADD CONSTRAINT timeline_shadow_once PRIMARY KEY (booking_id, event);


--
-- Name: inbox_seen_at; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX inbox_seen_at ON public.inbox USING btree (seen_at);


--
-- Name: mypages_customer; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX mypages_customer ON public.mypages USING btree (customer_id, booking_id);


--
-- Name: mypages_shadow_customer; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX mypages_shadow_customer ON public.mypages_shadow USING btree (customer_id, booking_id);


--
-- Name: outbox_unsent; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX outbox_unsent ON public.outbox USING btree (seq) WHERE (sent_at IS NULL);


--
-- PostgreSQL database dump complete
--


