-- Finds the spans of one call in different traces by the response id. The key begins with the time of the start, in
-- slots of 17 seconds, so that the index grows at its end, and has the end of the id only, so that it stays small.

CREATE INDEX spans_by_response ON spans (project, (start_ns >> 34) || substr(provider_request_id, -8))
WHERE model_call AND provider_request_id IS NOT NULL;
