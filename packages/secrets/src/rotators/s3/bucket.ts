import type { Environment } from '@drydock/kit';
import type { S3Secret } from './config.ts';
import { credentialsOf, type Pair } from './pair.ts';

export interface Tried {
  is: 'accepted' | 'refused' | 'unclear';
  says: string;
}

const ANSWER_MS = 10_000;
/** What a store says to keys that it does not know, or does not want. */
const REFUSALS = new Set([
  'InvalidAccessKeyId',
  'AccessDenied',
  'SignatureDoesNotMatch',
  'InvalidClientTokenId',
  'ExpiredToken',
]);

/** Puts an object below the prefix, reads it, and deletes it: what who has the key does every day. */
export async function tryBucket(
  secret: S3Secret,
  environment: Environment,
  pair: Pair,
  id: string,
  signal: AbortSignal,
): Promise<Tried> {
  const { DeleteObjectCommand, GetObjectCommand, PutObjectCommand, S3Client } = await import('@aws-sdk/client-s3');
  const endpoint = environment.get(secret.endpoint);
  const client = new S3Client({
    region: environment.get(secret.region) ?? 'us-east-1',
    forcePathStyle: secret.pathStyle,
    maxAttempts: 2,
    requestHandler: { connectionTimeout: ANSWER_MS, requestTimeout: ANSWER_MS, throwOnRequestTimeout: true },
    ...(endpoint ? { endpoint } : {}),
    credentials: credentialsOf(pair),
  });
  const where = {
    Bucket: environment.require(secret.bucket),
    Key: [secret.prefix, `key-rotation-${id}`].filter(Boolean).join('/'),
  };
  const options = { abortSignal: signal };
  // Who only looks has no rotation; of an empty body the SDK complains to the terminal.
  const text = id || 'drydock';
  try {
    await client.send(new PutObjectCommand({ ...where, Body: text }), options);
    const { Body } = await client.send(new GetObjectCommand(where), options);
    const read = await Body?.transformToString();
    await client.send(new DeleteObjectCommand(where), options);
    if (read !== text) return { is: 'unclear', says: 'what was put is not what was read' };
    return { is: 'accepted', says: `put, read and deleted ${where.Key}` };
  } catch (cause) {
    signal.throwIfAborted();
    const { name, message, $metadata } = cause as Error & { $metadata?: { httpStatusCode?: number } };
    const says = `${name} ${$metadata?.httpStatusCode ?? ''}`.trim();
    return REFUSALS.has(name) ? { is: 'refused', says } : { is: 'unclear', says: `${says}: ${message}` };
  } finally {
    client.destroy();
  }
}
