-- Sorted by row id, and so by time, the index grows at its end: a commit writes one page of it, not one for each call.
-- It has the ends of response ids and the output tokens, so that a look-up reads no other rows of the same seconds.

DROP INDEX spans_by_response;

CREATE INDEX spans_by_response ON spans (project, id, substr(provider_request_id, -6), output_tokens)
WHERE model_call AND provider_request_id IS NOT NULL;
