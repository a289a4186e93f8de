"""Request documents that say again what was said before: kept as references to stretches stored once."""
