-- How many successful calls have no known tokens, by hour. Of hours whose rows are no longer kept it stays 0.

ALTER TABLE rollup_hour ADD COLUMN unknown_usage INTEGER NOT NULL DEFAULT 0;

UPDATE rollup_hour SET unknown_usage = found.calls
FROM (
    SELECT project, start_ns / 3600000000000 - (start_ns % 3600000000000 < 0) AS hour, usage_key, count(*) AS calls
    FROM spans
    WHERE usage_key IS NOT NULL AND input_tokens IS NULL AND output_tokens IS NULL AND status <> 'error'
    GROUP BY 1, 2, 3
) AS found
WHERE rollup_hour.project = found.project AND rollup_hour.hour = found.hour
AND rollup_hour.usage_key = found.usage_key;
