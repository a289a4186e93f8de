ALTER TABLE spans ADD COLUMN service_tier text COLLATE "C";
