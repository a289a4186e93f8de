-- Finds a combination of facts by their hash: texts may be longer than an index entry, and no index serves
-- comparisons in which NULL equals NULL. `PostgresDialect.usage_key_terms` uses the same expression.
CREATE INDEX usage_keys_by_facts ON usage_keys (
    project,
    hashtextextended(
        coalesce(provider, '') || E'\n' || coalesce(model_requested, '') || E'\n' || coalesce(model_used, '')
        || E'\n' || coalesce(operation, '') || E'\n' || coalesce(status, ''),
        0
    )
);

DROP INDEX usage_keys_by_project;

-- How often unreferenced combinations of the project were deleted: what processes remember of them is void then.
ALTER TABLE retention ADD COLUMN usage_epoch bigint NOT NULL DEFAULT 0;
