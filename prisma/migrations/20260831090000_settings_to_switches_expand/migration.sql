SET lock_timeout = '2s';

-- The table is renamed; versions that know the old name go on through a view, which PostgreSQL writes through as well.
ALTER TABLE "Setting" RENAME TO "Switch";
ALTER TABLE "Switch" RENAME CONSTRAINT "Setting_pkey" TO "Switch_pkey";
CREATE VIEW "Setting" AS SELECT * FROM "Switch";
