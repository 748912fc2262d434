export { releaseMilestone, requestEscrow } from './escrow.ts';
export { requestCertificate, review } from './finish.ts';
export { accept, apply, postJob } from './hire.ts';
export { newApplication, newJob, newReview } from './inputs.ts';
export { getJob, listApplications, listJobs } from './read.ts';
