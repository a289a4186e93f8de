"""Carries everything of one store into another."""
