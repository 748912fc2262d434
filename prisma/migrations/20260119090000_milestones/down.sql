DROP TABLE "Milestone";
