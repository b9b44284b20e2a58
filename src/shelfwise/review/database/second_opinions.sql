-- what a second person made of a product without seeing the first answer: rows are added, and never changed
PRAGMA user_version = 3;
CREATE TABLE second_opinion (
  id          INTEGER PRIMARY KEY AUTOINCREMENT,
  first       INTEGER NOT NULL REFERENCES decision,
  labels_json TEXT NOT NULL CHECK (json_valid(labels_json)),
  shown_json  TEXT NOT NULL CHECK (json_valid(shown_json)),
  reviewer    INTEGER NOT NULL REFERENCES reviewer,
  request_key TEXT NOT NULL UNIQUE,
  decided_at  TEXT NOT NULL
) STRICT;
CREATE TRIGGER second_opinion_no_update BEFORE UPDATE ON second_opinion
  BEGIN SELECT RAISE(ABORT, 'second opinions are append-only'); END;
CREATE TRIGGER second_opinion_no_delete BEFORE DELETE ON second_opinion
  BEGIN SELECT RAISE(ABORT, 'second opinions are append-only'); END;
CREATE TRIGGER second_opinion_new BEFORE INSERT ON second_opinion
  WHEN EXISTS (SELECT 1 FROM second_opinion WHERE id = NEW.id OR request_key = NEW.request_key)
  BEGIN SELECT RAISE(ABORT, 'conflict'); END;
