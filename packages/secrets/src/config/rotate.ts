import { z } from 'zod';
import { backupIdentitySecret } from '../rotators/backup-identity/config.ts';
import { backupSignerSecret } from '../rotators/backup-signer/config.ts';
import { escrowAdminSecret } from '../rotators/escrow-admin/config.ts';
import { genericSecret } from '../rotators/generic/config.ts';
import { jwtSecret } from '../rotators/jwt/config.ts';
import { postgresSecret } from '../rotators/postgres/config.ts';
import { postHogSecret } from '../rotators/posthog/config.ts';
import { redisSecret } from '../rotators/redis/config.ts';
import { s3Secret } from '../rotators/s3/config.ts';
import { sentrySecret } from '../rotators/sentry/config.ts';
import { tokenSecret } from '../rotators/token/config.ts';

/** One secret under rotation, by its kind. A kind has its schema beside its code, and a line here and in rotators/all.ts. */
export const secretSchema = z.discriminatedUnion('kind', [
  genericSecret,
  backupIdentitySecret,
  backupSignerSecret,
  escrowAdminSecret,
  jwtSecret,
  postHogSecret,
  postgresSecret,
  redisSecret,
  s3Secret,
  sentrySecret,
  tokenSecret,
]);
export type SecretConfig = z.output<typeof secretSchema>;
export type Kind = SecretConfig['kind'];

/** Variables that a secret's rotation reads beside its own, for operators alone. */
export function operatorsOf(secret: SecretConfig): string[] {
  if (secret.kind === 'jwt') return secret.metrics?.token ? [secret.metrics.token] : [];
  if (secret.kind === 'backup-signer') return [secret.signers];
  if ('rotator' in secret && secret.rotator) return [secret.rotator];
  if (secret.kind === 'sentry' || secret.kind === 'posthog') return [secret.token];
  // A user that rotates itself may be the product's.
  return secret.kind === 'redis' && secret.operator !== secret.variable ? [secret.operator] : [];
}

/** What its variables hold, where that follows from its kind. */
export function kindsOf(secret: SecretConfig): Record<string, 'postgres'> {
  if (secret.kind !== 'postgres') return {};
  const { variable, also, rotator } = secret;
  return Object.fromEntries([variable, ...also, ...(rotator ? [rotator] : [])].map((name) => [name, 'postgres']));
}
