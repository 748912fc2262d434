DROP TABLE "Setting";
