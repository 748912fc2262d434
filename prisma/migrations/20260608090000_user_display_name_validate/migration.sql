SET lock_timeout = '2s';

-- Reads all rows while writes go on (SHARE UPDATE EXCLUSIVE).
ALTER TABLE "User" VALIDATE CONSTRAINT "User_displayName_not_null";
