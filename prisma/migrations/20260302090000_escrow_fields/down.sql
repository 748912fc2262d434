ALTER TABLE "Job"
    DROP COLUMN "escrowPending",
    DROP COLUMN "escrowDeployed",
    DROP COLUMN "escrowAddress",
    DROP COLUMN "escrowTxHash",
    DROP COLUMN "escrowSince";
