"""The tables of a SQL store, a module each: queries and changes."""
