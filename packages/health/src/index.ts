export { checkHealth, type HealthResult, publicUrl } from './check.ts';
export { checkTask } from './tasks.ts';
