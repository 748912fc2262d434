CREATE INDEX CONCURRENTLY "Job_clientId_idx" ON "Job"("clientId");
