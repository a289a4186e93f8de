"""HTTP and gRPC endpoints: each decodes one kind of request, calls `ingest.Collector` and answers."""
