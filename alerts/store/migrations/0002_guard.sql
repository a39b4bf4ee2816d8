-- The guard of a rule (core/guard.py): how often it fired, since when its notices are held, which alerts wait, who says what of it.

ALTER TABLE notices ADD COLUMN matter TEXT NOT NULL DEFAULT '';  -- what admins are told; '' in notices about alerts

CREATE TABLE fired (                     -- alerts raised and stepped by active rules, by minute
    rule   TEXT NOT NULL,
    minute INTEGER NOT NULL,
    count  INTEGER NOT NULL,
    PRIMARY KEY (rule, minute)
) STRICT, WITHOUT ROWID;

CREATE TABLE holds (                     -- at most one of a rule has not ended
    number   INTEGER PRIMARY KEY,
    rule     TEXT NOT NULL,
    since    INTEGER NOT NULL,
    fired    INTEGER NOT NULL,           -- within the hour before
    why      TEXT NOT NULL,              -- median | subjects: which limit was passed
    usual    INTEGER NOT NULL,           -- the median of a day, or the number of subjects
    ended_at INTEGER,
    verdict  TEXT,                       -- release | drop
    ended_by TEXT,                       -- the two persons, and what they wrote
    reason   TEXT
) STRICT;
CREATE INDEX holds_rule ON holds (rule, ended_at);

CREATE TABLE held_alerts (               -- of which nobody has been told yet
    alert  TEXT PRIMARY KEY,
    rule   TEXT NOT NULL,
    change TEXT NOT NULL,                -- raised | stepped: how the first line will put it
    told   TEXT NOT NULL                 -- JSON, the units to be told
) STRICT, WITHOUT ROWID;
CREATE INDEX held_alerts_rule ON held_alerts (rule);

CREATE TABLE guard_votes (               -- what persons want done with a held rule; written by the command line, at any time
    rule    TEXT NOT NULL,
    person  TEXT NOT NULL,
    verdict TEXT NOT NULL,
    reason  TEXT NOT NULL,
    at      INTEGER NOT NULL,
    PRIMARY KEY (rule, person)
) STRICT, WITHOUT ROWID;

CREATE INDEX subjects_kind ON subjects (kind);
