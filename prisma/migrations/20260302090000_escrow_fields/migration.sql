SET lock_timeout = '2s';

-- Constant defaults are kept in the catalogue (PostgreSQL 11 and later): no row is rewritten.
ALTER TABLE "Job"
    ADD COLUMN "escrowPending" BOOLEAN NOT NULL DEFAULT false,
    ADD COLUMN "escrowDeployed" BOOLEAN NOT NULL DEFAULT false,
    ADD COLUMN "escrowAddress" TEXT,
    ADD COLUMN "escrowTxHash" TEXT,
    ADD COLUMN "escrowSince" TIMESTAMP(3);
