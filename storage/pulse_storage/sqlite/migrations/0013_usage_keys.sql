-- How often unreferenced combinations of the project were deleted: what processes remember of them is void then.
ALTER TABLE retention ADD COLUMN usage_epoch INTEGER NOT NULL DEFAULT 0;
