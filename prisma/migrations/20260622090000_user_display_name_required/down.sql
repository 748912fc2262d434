ALTER TABLE "User" ADD CONSTRAINT "User_displayName_not_null" CHECK ("displayName" IS NOT NULL);
ALTER TABLE "User" ALTER COLUMN "displayName" DROP NOT NULL;
