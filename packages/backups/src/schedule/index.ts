// For what writes manifests and workflows of a whole product. Apart from the package's other door: it brings a YAML writer.
export { githubWorkflow } from './github.ts';
export { confirmation, type Job, jobsOf } from './jobs.ts';
export { cronJobs, needsOf, operationsPod } from './kubernetes.ts';
export { remoteFindings } from './write.ts';
