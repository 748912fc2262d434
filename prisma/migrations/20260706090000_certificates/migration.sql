SET lock_timeout = '2s';

ALTER TABLE "Job"
    ADD COLUMN "certificateTokenId" TEXT,
    ADD COLUMN "certificateTxHash" TEXT;
