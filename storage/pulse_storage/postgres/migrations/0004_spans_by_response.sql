-- Finds the spans of one call in different traces: by the response id or, where one has none, by the output tokens.
-- It begins with the time of the start, in slots of 8.6 seconds, so that it grows at its end, and has the end of the
-- id only, so that it stays small.

CREATE INDEX spans_by_response ON spans (project, (start_ns >> 33), right(provider_request_id, 6), output_tokens)
WHERE model_call AND provider_request_id IS NOT NULL;
