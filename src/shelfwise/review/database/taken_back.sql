-- second opinions that were taken back by those who gave them: rows are added, and never changed
PRAGMA user_version = 4;
CREATE TABLE second_opinion_undo (
  opinion   INTEGER PRIMARY KEY REFERENCES second_opinion,
  reviewer  INTEGER NOT NULL REFERENCES reviewer,
  undone_at TEXT NOT NULL
) STRICT;
CREATE TRIGGER second_opinion_undo_no_update BEFORE UPDATE ON second_opinion_undo
  BEGIN SELECT RAISE(ABORT, 'second opinions are append-only'); END;
CREATE TRIGGER second_opinion_undo_no_delete BEFORE DELETE ON second_opinion_undo
  BEGIN SELECT RAISE(ABORT, 'second opinions are append-only'); END;
CREATE TRIGGER second_opinion_undo_new BEFORE INSERT ON second_opinion_undo
  WHEN EXISTS (SELECT 1 FROM second_opinion_undo WHERE opinion = NEW.opinion)
  BEGIN SELECT RAISE(ABORT, 'conflict'); END;
