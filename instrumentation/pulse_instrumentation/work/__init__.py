"""The spans and contexts that an application opens around its model calls: `trace`, `tool`, `session`."""
