import { type Secret, usageError } from '@drydock/kit';
import type { Values } from '../../values.ts';
import type { S3Secret } from './config.ts';

/** Both halves of an access key. */
export interface Pair {
  accessKeyId: string;
  secretAccessKey: Secret;
}

export function pairIn(values: Values, { accessKeyId, secretAccessKey }: S3Secret): Pair {
  const [id, key] = [values[accessKeyId], values[secretAccessKey]];
  if (id && key) return { accessKeyId: id.reveal(), secretAccessKey: key };
  throw usageError(
    'SECRET_MISSING',
    `${accessKeyId} and ${secretAccessKey} are not both set.`,
    'The role of a machine has no key that could be rotated.',
  );
}

export function credentialsOf({ accessKeyId, secretAccessKey }: Pair) {
  return { accessKeyId, secretAccessKey: secretAccessKey.reveal() };
}
