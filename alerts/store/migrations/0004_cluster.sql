-- Many processes on one database: who hands a notice over, and what of each topic has been applied (runtime/worker.py).

ALTER TABLE notices ADD COLUMN sender TEXT NOT NULL DEFAULT '';      -- the process that is handing it over...
ALTER TABLE notices ADD COLUMN lease_until INTEGER NOT NULL DEFAULT 0;  -- ...and until when nobody else may
CREATE INDEX notices_sending ON notices (lease_until) WHERE state = 'sending';

CREATE TABLE applied (                   -- records of a topic up to this one are in the register
    topic     TEXT NOT NULL,
    partition INTEGER NOT NULL,
    position  INTEGER NOT NULL,
    PRIMARY KEY (topic, partition)
) STRICT, WITHOUT ROWID;

INSERT INTO meta SELECT 'last subject', '' || coalesce(max(id), 0) FROM subjects;
INSERT INTO meta VALUES ('turns', '0');  -- committed; a process that committed the last one still knows its subjects
