"""The wire formats: OTLP requests and responses in protobuf and JSON, and google.rpc.Status."""
