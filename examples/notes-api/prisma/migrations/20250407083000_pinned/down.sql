DROP INDEX "Note_pinned_createdAt_idx";
ALTER TABLE "Note" DROP COLUMN "pinned";
