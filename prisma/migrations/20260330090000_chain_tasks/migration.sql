SET lock_timeout = '2s';

CREATE TYPE "ChainTaskKind" AS ENUM ('ESCROW', 'CERTIFICATE');

CREATE TABLE "ChainTask" (
    "id" BIGSERIAL NOT NULL,
    "kind" "ChainTaskKind" NOT NULL,
    "jobId" TEXT NOT NULL,
    "attempts" INTEGER NOT NULL DEFAULT 0,
    "runAfter" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "lastError" TEXT,
    "doneAt" TIMESTAMP(3),
    "createdAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT "ChainTask_pkey" PRIMARY KEY ("id"),
    CONSTRAINT "ChainTask_jobId_fkey" FOREIGN KEY ("jobId") REFERENCES "Job"("id") ON DELETE RESTRICT ON UPDATE CASCADE
);
CREATE UNIQUE INDEX "ChainTask_kind_jobId_key" ON "ChainTask"("kind", "jobId");
CREATE INDEX "ChainTask_doneAt_runAfter_idx" ON "ChainTask"("doneAt", "runAfter");
