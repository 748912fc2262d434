SET lock_timeout = '2s';

-- Nothing in this file uses the value: it can only be used once this has committed.
ALTER TYPE "JobStatus" ADD VALUE 'CANCELLED';
