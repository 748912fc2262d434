DROP VIEW "Setting";
ALTER TABLE "Switch" RENAME CONSTRAINT "Switch_pkey" TO "Setting_pkey";
ALTER TABLE "Switch" RENAME TO "Setting";
