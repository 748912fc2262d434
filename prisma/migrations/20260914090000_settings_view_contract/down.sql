CREATE VIEW "Setting" AS SELECT * FROM "Switch";
