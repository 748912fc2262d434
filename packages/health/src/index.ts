export { probeBackup } from './check/backup.ts';
export { probeChain } from './check/chain.ts';
export { checkHealth, type HealthResult, healthToken, publicUrl } from './check/endpoint.ts';
export { type BackupProbe, probeAll, tellsHealth } from './check/probes.ts';
export { probeRedis } from './check/redis.ts';
export { healthSection } from './config/health.ts';
export { gate } from './gate/open.ts';
export { gateError } from './gate/run.ts';
export { wilson } from './stats.ts';
