SET lock_timeout = '2s';

-- The part of the address before the @ stands in until people choose a name.
UPDATE "User" SET "displayName" = split_part("email", '@', 1) WHERE "displayName" IS NULL;
