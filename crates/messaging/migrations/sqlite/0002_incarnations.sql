-- Which of the logs that had one name, one after the other, this service reads: a topic that is deleted and made again is
-- another one. Counted from 1. Rows of the outbox after `resend_after`, up to `resend_through`, have to be sent again.
CREATE TABLE log_incarnations (
    log            TEXT   NOT NULL CONSTRAINT log_incarnations_once PRIMARY KEY,
    incarnation    BIGINT NOT NULL,
    since          BIGINT NOT NULL,
    resend_after   BIGINT NOT NULL,
    resend_through BIGINT NOT NULL
);

-- By what each partition of it is known again: its first record, and the offset after its last one.
CREATE TABLE log_partitions (
    log          TEXT   NOT NULL,
    partition_id BIGINT NOT NULL,
    end_offset   BIGINT NOT NULL,
    first_offset BIGINT,
    first_at     BIGINT,
    CONSTRAINT log_partitions_once PRIMARY KEY (log, partition_id)
);
