SET lock_timeout = '2s';

ALTER TABLE "Milestone"
    ADD COLUMN "releasedAt" TIMESTAMP(3),
    ADD COLUMN "releaseTxHash" TEXT;
