DROP INDEX CONCURRENTLY "Job_status_createdAt_idx";
