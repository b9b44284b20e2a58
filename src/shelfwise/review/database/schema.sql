-- decisions of people: rows are added, and never changed or removed
PRAGMA user_version = 1;
CREATE TABLE catalog_version (
  id          INTEGER PRIMARY KEY,
  fingerprint TEXT NOT NULL UNIQUE,
  source      TEXT NOT NULL,
  products    INTEGER NOT NULL,
  opened_at   TEXT NOT NULL
) STRICT;
CREATE TABLE model_version (
  id          INTEGER PRIMARY KEY,
  digest      TEXT NOT NULL UNIQUE,
  labels_json TEXT NOT NULL CHECK (json_valid(labels_json)),
  opened_at   TEXT NOT NULL
) STRICT;
CREATE TABLE reviewer (
  id         INTEGER PRIMARY KEY,
  name       TEXT NOT NULL UNIQUE,
  role       TEXT NOT NULL CHECK (role IN ('reviewer', 'lead')),
  created_at TEXT NOT NULL
) STRICT;
CREATE TABLE decision (
  id             INTEGER PRIMARY KEY AUTOINCREMENT,
  product        TEXT NOT NULL,
  fingerprint    TEXT NOT NULL,
  seq            INTEGER NOT NULL CHECK (seq >= 1),
  action         TEXT NOT NULL CHECK (action IN ('decide', 'undo')),
  state          TEXT NOT NULL CHECK (state IN ('decided', 'skipped', 'unsure', 'open')),
  before_json    TEXT NOT NULL CHECK (json_valid(before_json)),
  after_json     TEXT NOT NULL CHECK (json_valid(after_json)),
  suggested_json TEXT NOT NULL CHECK (json_valid(suggested_json)),
  reason         TEXT NOT NULL
    CHECK (reason IN ('uncertain', 'wrong', 'sample', 'disagree', 'search', 'bulk')),
  reviewer       INTEGER NOT NULL REFERENCES reviewer,
  model          INTEGER NOT NULL REFERENCES model_version,
  catalog        INTEGER NOT NULL REFERENCES catalog_version,
  undoes         INTEGER REFERENCES decision,
  batch          TEXT,
  request_key    TEXT NOT NULL UNIQUE,
  decided_at     TEXT NOT NULL,
  UNIQUE (product, seq)
) STRICT;
CREATE INDEX decision_reviewer ON decision (reviewer, id);
CREATE INDEX decision_undoes ON decision (undoes) WHERE undoes IS NOT NULL;
CREATE TRIGGER decision_no_update BEFORE UPDATE ON decision
  BEGIN SELECT RAISE(ABORT, 'decisions are append-only'); END;
CREATE TRIGGER decision_no_delete BEFORE DELETE ON decision
  BEGIN SELECT RAISE(ABORT, 'decisions are append-only'); END;
-- INSERT OR REPLACE would take a row away without the trigger above: its key is refused here
CREATE TRIGGER decision_in_order BEFORE INSERT ON decision
  WHEN NEW.seq <> (SELECT coalesce(max(seq), 0) + 1 FROM decision WHERE product = NEW.product)
    OR EXISTS (SELECT 1 FROM decision WHERE id = NEW.id OR request_key = NEW.request_key)
  BEGIN SELECT RAISE(ABORT, 'conflict'); END;
CREATE VIEW current AS
  SELECT d.* FROM decision d
  WHERE d.seq = (SELECT max(seq) FROM decision e WHERE e.product = d.product);
-- automatic acceptance is switched on and off by rows, too: the last one counts
CREATE TABLE acceptance (
  id         INTEGER PRIMARY KEY AUTOINCREMENT,
  enabled    INTEGER NOT NULL CHECK (enabled IN (0, 1)),
  why        TEXT NOT NULL,
  reviewer   INTEGER REFERENCES reviewer,
  decided_at TEXT NOT NULL
) STRICT;
