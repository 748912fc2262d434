export { checkHealth, type HealthResult, publicUrl } from './check/endpoint.ts';
export { gate } from './gate/open.ts';
export { gateError } from './gate/run.ts';
