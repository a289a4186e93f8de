-- Lists of the calls of a model, provider, operation or status seek each combination of these facts.
CREATE INDEX spans_by_usage_key ON spans (project, usage_key, id) WHERE usage_key IS NOT NULL;
