"""The doors: each takes requests of one kind, hands them to `ingest.Collector`, and answers in kind."""
