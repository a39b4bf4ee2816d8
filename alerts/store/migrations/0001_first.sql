-- Instants are integer microseconds since 1970 in UTC. Subjects hold their facts as one encoded value; events are the truth.

CREATE TABLE events (
    number     INTEGER PRIMARY KEY,      -- the receipt
    source     TEXT NOT NULL,
    id         TEXT NOT NULL,
    type       TEXT NOT NULL,
    received   INTEGER NOT NULL,
    supersedes TEXT,                     -- id of the corrected event of the same source
    raw        BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX events_identity ON events (source, id);
CREATE INDEX events_supersedes ON events (source, supersedes) WHERE supersedes IS NOT NULL;

CREATE TABLE quarantine (
    number   INTEGER PRIMARY KEY,
    received INTEGER NOT NULL,
    source   TEXT,
    id       TEXT,
    reason   TEXT NOT NULL,
    raw      BLOB NOT NULL,
    state    TEXT NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'accepted', 'replaced'))
) STRICT;
CREATE INDEX quarantine_identity ON quarantine (source, id);

CREATE TABLE subjects (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,  -- a number is never given again
    kind        TEXT NOT NULL,
    key         TEXT NOT NULL,
    entry       BLOB NOT NULL,
    next_change INTEGER
) STRICT;
CREATE INDEX subjects_due ON subjects (next_change) WHERE next_change IS NOT NULL;
CREATE INDEX subjects_feeds ON subjects (id) WHERE kind = 'feed';

CREATE TABLE identifiers (
    identifier TEXT PRIMARY KEY,
    subject    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE links (
    target  TEXT NOT NULL,               -- key of the subject that the answer depends on
    subject INTEGER NOT NULL,
    PRIMARY KEY (target, subject)
) STRICT, WITHOUT ROWID;
CREATE INDEX links_subject ON links (subject);

CREATE TABLE waiting (                   -- alerts that are unknown: source silent
    subject INTEGER NOT NULL,
    rule    TEXT NOT NULL,
    item    TEXT NOT NULL,
    kind    TEXT NOT NULL,               -- the kind of source that is not complete
    until   INTEGER NOT NULL,            -- up to this instant
    stands  INTEGER NOT NULL,            -- the alert stands and only does not climb
    PRIMARY KEY (subject, rule, item)
) STRICT, WITHOUT ROWID;
CREATE INDEX waiting_kind ON waiting (kind, until);

CREATE TABLE alerts (
    number     INTEGER PRIMARY KEY,      -- in the case number that officers read
    id         TEXT NOT NULL UNIQUE,
    subject    TEXT NOT NULL,            -- its key when the alert was last judged
    rule       TEXT NOT NULL,
    item       TEXT NOT NULL,
    state      TEXT NOT NULL,            -- raised | acknowledged | closed | withdrawn | expired
    severity   INTEGER NOT NULL,
    unit       TEXT NOT NULL,
    area       TEXT NOT NULL DEFAULT '',
    due        INTEGER NOT NULL,
    raised_at  INTEGER NOT NULL,
    changed_at INTEGER NOT NULL,
    reason     TEXT NOT NULL,
    facts      TEXT NOT NULL,            -- JSON, those that the rule lists
    late       INTEGER NOT NULL,
    shadow     INTEGER NOT NULL,
    generation TEXT NOT NULL,            -- of the rule set that judged it last
    continues  TEXT,                     -- its id before the subject was renamed
    outcome    TEXT
) STRICT;
CREATE INDEX alerts_state ON alerts (state, unit);

CREATE TABLE alert_changes (             -- the log: what happened to alerts, by the engine and by officers
    number   INTEGER PRIMARY KEY,
    at       INTEGER NOT NULL,
    alert    TEXT NOT NULL,
    change   TEXT NOT NULL,
    severity INTEGER NOT NULL,
    unit     TEXT NOT NULL,
    reason   TEXT NOT NULL,
    by       TEXT NOT NULL               -- engine, or the source of an officer's event
) STRICT;
CREATE INDEX alert_changes_alert ON alert_changes (alert);

CREATE TABLE notices (
    id          TEXT PRIMARY KEY,
    kind        TEXT NOT NULL,
    officer     TEXT NOT NULL,
    unit        TEXT NOT NULL,
    channel     TEXT NOT NULL,
    address     TEXT NOT NULL,
    language    TEXT NOT NULL,
    digest      INTEGER NOT NULL,
    created_at  INTEGER NOT NULL,
    send_after  INTEGER NOT NULL,
    state       TEXT NOT NULL CHECK (state IN ('planned', 'sending', 'sent', 'failed', 'cancelled')),
    reason      TEXT NOT NULL,
    attempts    INTEGER NOT NULL DEFAULT 0,
    maybe_twice INTEGER NOT NULL DEFAULT 0,  -- handed over more than once without knowing that the first had failed
    payload     BLOB,                        -- worded once, before the first hand-off
    subject     TEXT NOT NULL DEFAULT '',
    problem     TEXT NOT NULL DEFAULT '',    -- why a fallback template was used
    reference   TEXT NOT NULL DEFAULT '',    -- what the carrier called it
    handed_at   INTEGER,
    ask_until   INTEGER                      -- the carrier may still say that it gave up; NULL when it is settled
) STRICT;
CREATE INDEX notices_due ON notices (channel, send_after) WHERE state = 'planned';
CREATE INDEX notices_asked ON notices (ask_until) WHERE ask_until IS NOT NULL;
CREATE INDEX notices_officer ON notices (officer, channel, send_after);

CREATE TABLE notice_lines (
    notice   TEXT NOT NULL,
    alert    TEXT NOT NULL,
    change   TEXT NOT NULL,
    severity INTEGER NOT NULL,
    PRIMARY KEY (notice, alert)
) STRICT, WITHOUT ROWID;
CREATE INDEX notice_lines_alert ON notice_lines (alert);

CREATE TABLE audit (
    number INTEGER PRIMARY KEY,
    at     INTEGER NOT NULL,
    actor  TEXT NOT NULL,
    what   TEXT NOT NULL
) STRICT;

CREATE TABLE counters (                  -- received = accepted + duplicate + quarantined
    name  TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO counters VALUES ('received', 0), ('accepted', 0), ('duplicate', 0), ('quarantined', 0);

CREATE TABLE meta (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
