ALTER TABLE spans ADD COLUMN service_tier TEXT;
