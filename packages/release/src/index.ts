export { releaseStatusTask, releaseTask } from './tasks.ts';
