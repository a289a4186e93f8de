"""Copies all rows of one SQL store into another."""
