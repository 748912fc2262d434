ALTER TABLE "Job"
    DROP COLUMN "certificateTokenId",
    DROP COLUMN "certificateTxHash";
