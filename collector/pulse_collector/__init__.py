"""Receives OTLP exports and batches, maps their spans to rows, prices them and hands them to a store."""
