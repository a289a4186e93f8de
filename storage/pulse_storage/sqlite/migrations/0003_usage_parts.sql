-- Tokens that have prices of their own, and what spans say of their cost, so that rows can be priced again.

ALTER TABLE spans ADD COLUMN cache_write_1h_tokens INTEGER;
ALTER TABLE spans ADD COLUMN input_audio_tokens INTEGER;
ALTER TABLE spans ADD COLUMN input_image_tokens INTEGER;
ALTER TABLE spans ADD COLUMN output_audio_tokens INTEGER;
ALTER TABLE spans ADD COLUMN output_image_tokens INTEGER;
-- NULL in rows stored before there was this column, even where `cost_source` is 'reported'.
ALTER TABLE spans ADD COLUMN reported_cost_nano_usd INTEGER;
ALTER TABLE spans ADD COLUMN estimated_cost_nano_usd INTEGER;
