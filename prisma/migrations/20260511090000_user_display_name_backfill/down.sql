-- The column goes with the migration before this one; what was filled in need not be emptied.
SELECT 1;
