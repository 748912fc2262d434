export { checkHealth, type HealthResult, publicUrl } from './check/endpoint.ts';
