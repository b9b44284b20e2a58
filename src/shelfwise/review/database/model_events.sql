-- what became of models: rows are added, and never changed or removed
PRAGMA user_version = 2;
CREATE TABLE model_event (
  id          INTEGER PRIMARY KEY AUTOINCREMENT,
  kind        TEXT NOT NULL CHECK (kind IN ('trained', 'used', 'kept')),
  digest      TEXT NOT NULL,
  facts_json  TEXT NOT NULL CHECK (json_valid(facts_json)),
  reviewer    TEXT NOT NULL,
  happened_at TEXT NOT NULL
) STRICT;
CREATE TRIGGER model_event_no_update BEFORE UPDATE ON model_event
  BEGIN SELECT RAISE(ABORT, 'model events are append-only'); END;
CREATE TRIGGER model_event_no_delete BEFORE DELETE ON model_event
  BEGIN SELECT RAISE(ABORT, 'model events are append-only'); END;
CREATE TRIGGER model_event_new BEFORE INSERT ON model_event
  WHEN EXISTS (SELECT 1 FROM model_event WHERE id = NEW.id)
  BEGIN SELECT RAISE(ABORT, 'conflict'); END;
