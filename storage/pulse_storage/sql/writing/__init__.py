"""What a SQL store does with what arrives: which rows are new, what they show, and what they change."""
