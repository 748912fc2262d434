SET lock_timeout = '2s';

ALTER TABLE "User" ADD COLUMN "displayName" TEXT;
