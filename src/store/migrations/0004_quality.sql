-- JSON: how the line sounded; NULL where nobody was heard.
ALTER TABLE calls ADD COLUMN quality TEXT;
