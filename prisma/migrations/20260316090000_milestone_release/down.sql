ALTER TABLE "Milestone"
    DROP COLUMN "releasedAt",
    DROP COLUMN "releaseTxHash";
