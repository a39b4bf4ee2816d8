-- Notices are counted for every page and every look at the numbers: from this, and not from the rows, which hold what was sent.

CREATE INDEX notices_counted ON notices (state, channel, maybe_twice);
