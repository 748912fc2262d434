export { type SecretsConfig, secretsConfig } from './config.ts';
export type { InstanceUse, Product, Rolling } from './product.ts';
export { type Fingerprints, fingerprintsOf, sameValues, type Values } from './values.ts';
