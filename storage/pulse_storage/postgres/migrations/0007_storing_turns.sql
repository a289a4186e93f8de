-- Numbers the transactions that store spans: a process sees by it whether another one has stored since its last.
CREATE SEQUENCE storing_turns;
