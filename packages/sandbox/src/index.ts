export { down, reset } from './down.ts';
export { type ServiceStatus, status } from './status.ts';
export { type UpResult, up } from './up.ts';
export { beganForARun, handOverToPerson, isARuns } from './whose.ts';
