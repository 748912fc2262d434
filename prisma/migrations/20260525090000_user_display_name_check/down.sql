ALTER TABLE "User" DROP CONSTRAINT "User_displayName_not_null";
