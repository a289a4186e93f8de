-- Numbers the transactions that store spans: a process sees by it whether another one has stored since its last.
CREATE SEQUENCE storing_turns;

-- Processes of versions before this migration may go on storing while others are upgraded: for these, whose
-- transactions do not set pulse.takes_turn, the statements that add response ids take the turn.
CREATE FUNCTION take_storing_turn() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM nextval('storing_turns');
    RETURN NULL;
END
$$;

CREATE TRIGGER takes_storing_turn BEFORE INSERT OR UPDATE OF provider_request_id ON spans
    FOR EACH STATEMENT WHEN (current_setting('pulse.takes_turn', true) IS DISTINCT FROM 'on')
    EXECUTE FUNCTION take_storing_turn();
