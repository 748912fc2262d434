-- AlterTable
ALTER TABLE "Note" ADD COLUMN "pinned" BOOLEAN NOT NULL DEFAULT false;

-- CreateIndex
CREATE INDEX "Note_pinned_createdAt_idx" ON "Note"("pinned", "createdAt");
