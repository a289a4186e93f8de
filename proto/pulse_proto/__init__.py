"""The wire formats: OTLP requests and answers in protobuf and JSON, and google.rpc.Status."""
