import type { Kind, SecretConfig } from '../config/rotate.ts';
import type { OpenRotator } from './types.ts';

type ConfigOf<K extends Kind> = Extract<SecretConfig, { kind: K }>;

/** Libraries of a kind are loaded when one of it is rotated. */
const KINDS: { [K in Kind]: () => Promise<OpenRotator<ConfigOf<K>>> } = {
  redis: async () => (await import('./redis/rotator.ts')).redisRotator,
  jwt: async () => (await import('./jwt/rotator.ts')).jwtRotator,
  'backup-identity': async () => (await import('./backup-identity/rotator.ts')).backupIdentityRotator,
  'backup-signer': async () => (await import('./backup-signer/rotator.ts')).backupSignerRotator,
  generic: async () => (await import('./generic/rotator.ts')).genericRotator,
  postgres: async () => (await import('./postgres/rotator.ts')).postgresRotator,
  posthog: async () => (await import('./posthog/rotator.ts')).postHogRotator,
  sentry: async () => (await import('./sentry/rotator.ts')).sentryRotator,
  'escrow-admin': async () => (await import('./escrow-admin/rotator.ts')).escrowAdminRotator,
  s3: async () => (await import('./s3/rotator.ts')).s3Rotator,
  token: async () => (await import('./token/rotator.ts')).tokenRotator,
};

export async function rotatorOf<K extends Kind>(secret: ConfigOf<K>): Promise<OpenRotator<ConfigOf<K>>> {
  return KINDS[secret.kind as K]();
}
