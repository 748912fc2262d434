-- A constraint cannot be made unchecked again in place.
ALTER TABLE "User" DROP CONSTRAINT "User_displayName_not_null";
ALTER TABLE "User" ADD CONSTRAINT "User_displayName_not_null" CHECK ("displayName" IS NOT NULL) NOT VALID;
