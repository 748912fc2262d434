SET lock_timeout = '2s';

-- First step to NOT NULL without a scan under lock: new rows are checked from here on.
ALTER TABLE "User" ADD CONSTRAINT "User_displayName_not_null" CHECK ("displayName" IS NOT NULL) NOT VALID;
