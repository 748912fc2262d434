import { command, hint, OpsError } from '@drydock/kit';

/** What a server, or the way to it, said. */
export function storeFailed(label: string, cause: unknown): unknown {
  const { name, message, $metadata } = cause as Error & { $metadata?: { httpStatusCode?: number } };
  if (cause instanceof OpsError || name === 'AbortError') return cause;
  // Some give no more than a code; then the client says this.
  const words = message === 'UnknownError' ? '' : message;
  const said = name === 'Error' ? words : `${name} ${words}`.trim();
  if (REFUSALS.has(name))
    return new OpsError({
      code: 'STORE_REFUSED',
      message: `${label} refuses it: ${said}`,
      hint: hint`Check bucket and keys: ${command('env:check')} shows where their values come from.`,
      cause,
    });
  if ($metadata?.httpStatusCode)
    return new OpsError({
      code: 'STORE_FAILED',
      message: `${label} answers ${$metadata.httpStatusCode}: ${said}`,
      hint: 'Look at the store, then run it again; what lay there before is untouched.',
      cause,
    });
  if (!isNetwork(cause)) return cause;
  return new OpsError({
    code: 'STORE_UNREACHABLE',
    message: `${label} does not answer: ${said}`,
    hint: 'Check the endpoint and the network, then run it again; what lay there before is untouched.',
    cause,
  });
}

const REFUSALS = new Set(['AccessDenied', 'InvalidAccessKeyId', 'SignatureDoesNotMatch', 'NoSuchBucket']);

export function isNoSuchKey(cause: unknown): boolean {
  return ['NoSuchKey', 'NotFound'].includes((cause as Error).name);
}

/** If-None-Match does not hold; or two write it at once. */
export function isTaken(cause: unknown): boolean {
  const { name, $metadata } = cause as Error & { $metadata?: { httpStatusCode?: number } };
  return name === 'PreconditionFailed' || $metadata?.httpStatusCode === 412;
}

export function isNotImplemented(cause: unknown): boolean {
  const { name, $metadata } = cause as Error & { $metadata?: { httpStatusCode?: number } };
  return name === 'NotImplemented' || [404, 405, 501].includes($metadata?.httpStatusCode ?? 0);
}

function isNetwork(cause: unknown): boolean {
  const { code, name } = cause as NodeJS.ErrnoException;
  return (
    name === 'TimeoutError' ||
    ['ECONNREFUSED', 'ECONNRESET', 'ENOTFOUND', 'EPIPE', 'ETIMEDOUT', 'ERR_STREAM_PREMATURE_CLOSE'].includes(code ?? '')
  );
}
