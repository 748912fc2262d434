import { OpsError, usageError } from '@drydock/kit';
import { unknown } from '../unknown.ts';

interface Call {
  name: string;
  secretId: string;
  /** `PutSecretValue` */
  what: string;
}

/** What AWS refused, in the operator's terms. What may be another answer the next time is UNKNOWN. */
export function awsError({ name, secretId, what }: Call, cause: unknown): OpsError {
  if (cause instanceof OpsError) return cause;
  const { name: code = '', message = '' } = cause as Error;
  const { $metadata } = cause as { $metadata?: { httpStatusCode?: number } };
  if (code === 'ResourceNotFoundException')
    return usageError(
      'STORE_MISSING',
      `${name} has no secret ${secretId}, or none that has a value.`,
      `Make it: aws secretsmanager create-secret --name ${secretId} --secret-string '{}'`,
    );
  if (
    /AccessDenied|UnrecognizedClient|InvalidSignature|ExpiredToken|InvalidClientTokenId|DecryptionFailure|EncryptionFailure/.test(
      code,
    )
  )
    return new OpsError({
      code: 'STORE_DENIED',
      message: `${name} refused ${what} of ${secretId} (${code}): ${message}`,
      hint: `Log in as somebody who may; it takes secretsmanager:GetSecretValue, DescribeSecret, PutSecretValue and UpdateSecretVersionStage on ${secretId}.`,
      cause,
    });
  if (/CredentialsProviderError|ConfigError|^Region is missing/.test(code) || message.startsWith('Region is missing'))
    return usageError(
      'STORE_NO_LOGIN',
      `There is nothing to log in to ${name} with: ${message}`,
      'Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, and the region in secrets.stores of drydock.config.ts.',
    );
  if (
    code === 'ResourceExistsException' ||
    (what === 'UpdateSecretVersionStage' && code === 'InvalidParameterException')
  )
    return new OpsError({
      code: 'STORE_CHANGED',
      message: `Somebody else has changed ${secretId} of ${name} since it was read; it is left as they wrote it.`,
      hint: 'Look at it, and run it again.',
      cause,
    });
  const status = $metadata?.httpStatusCode ?? 0;
  if (status >= 400 && status < 500 && !/Throttling|TooManyRequests|RequestTimeout/.test(code) && status !== 429)
    return new OpsError({
      code: 'STORE_REFUSED',
      message: `${name} refused ${what} of ${secretId} (${code}): ${message}`,
      hint: 'Mend what it says, and run it again: twice is once.',
      cause,
    });
  return unknown(`What ${name} holds as ${secretId}`, cause);
}
