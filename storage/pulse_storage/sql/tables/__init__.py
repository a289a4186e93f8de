"""The tables of a SQL store: what each holds, and how it is read and changed."""
