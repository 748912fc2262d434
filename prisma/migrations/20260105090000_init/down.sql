DROP TABLE "Application";
DROP TABLE "Job";
DROP TABLE "User";
DROP TYPE "ApplicationStatus";
DROP TYPE "JobStatus";
