SET lock_timeout = '2s';

-- No version since the rename knows the old name.
DROP VIEW "Setting";
