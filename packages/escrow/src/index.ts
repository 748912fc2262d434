export { loadArtifact } from './contracts/artifacts.ts';
export { type Deployed, deployContracts } from './contracts/deploy.ts';
export { anvilPath } from './fork/anvil.ts';
export { sealKeystore } from './keys/keystore.ts';
