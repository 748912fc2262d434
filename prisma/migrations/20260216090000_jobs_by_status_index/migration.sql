-- Alone in its file: CONCURRENTLY cannot run inside a transaction.
CREATE INDEX CONCURRENTLY "Job_status_createdAt_idx" ON "Job"("status", "createdAt");
