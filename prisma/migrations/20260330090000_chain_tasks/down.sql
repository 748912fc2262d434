DROP TABLE "ChainTask";
DROP TYPE "ChainTaskKind";
