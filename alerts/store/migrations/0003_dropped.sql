-- An alert that two persons dropped stays known as such as long as it stands, so that nobody is told of its later steps.

ALTER TABLE held_alerts ADD COLUMN dropped INTEGER NOT NULL DEFAULT 0;
