SET lock_timeout = '2s';

-- The validated check spares the scan (PostgreSQL 12 and later).
ALTER TABLE "User" ALTER COLUMN "displayName" SET NOT NULL;
ALTER TABLE "User" DROP CONSTRAINT "User_displayName_not_null";
