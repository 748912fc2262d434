ALTER TABLE "User" DROP COLUMN "displayName";
