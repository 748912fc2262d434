import { readFileSync } from 'node:fs';
import type { ConnectionOptions } from 'node:tls';
import { usageError } from './errors.ts';
import type { Parameters } from './libpq.ts';

/** `false` for none. */
export type Encryption = ConnectionOptions | false;

/**
 * What `sslmode` asks for, in the order in which libpq tries it (PostgreSQL manual, 34.19.1). A root certificate is always
 * looked at where there is one. Without a mode a server on this machine is asked without encryption first: it has mostly none.
 */
export function encryptions(parameters: Parameters, { isLocal }: { isLocal: boolean }): Encryption[] {
  switch (parameters.sslmode) {
    case 'disable':
      return [false];
    case 'allow':
      return [false, tlsOf(parameters)];
    case undefined:
      return isLocal ? [false, tlsOf(parameters)] : [tlsOf(parameters), false];
    case 'prefer':
      return [tlsOf(parameters), false];
    default:
      return [tlsOf(parameters)];
  }
}

function tlsOf(parameters: Parameters): ConnectionOptions {
  const {
    sslmode,
    sslcertmode,
    sslpassword,
    ssl_min_protocol_version: min,
    ssl_max_protocol_version: max,
  } = parameters;
  const files = {
    ca: read(parameters, 'sslrootcert'),
    crl: read(parameters, 'sslcrl'),
    ...(sslcertmode === 'disable'
      ? {}
      : {
          cert: read(parameters, 'sslcert'),
          key: read(parameters, 'sslkey'),
          // Prisma's: both in one file, which PostgreSQL's own programs do not read.
          pfx: readBytes(parameters, 'sslidentity'),
          passphrase: sslpassword,
        }),
  };
  if (sslmode === 'verify-ca' && !files.ca)
    throw usageError(
      'ROOT_CERTIFICATE_MISSING',
      'sslmode=verify-ca needs the certificate of a CA to verify by.',
      'Add sslrootcert=FILE to the URL, or write sslmode=verify-full.',
    );
  const verified = sslmode === 'verify-full' ? {} : files.ca ? { checkServerIdentity: () => undefined } : UNVERIFIED;
  return defined({ ...files, ...verified, minVersion: min, maxVersion: max }) as ConnectionOptions;
}

const UNVERIFIED = { rejectUnauthorized: false };

function defined(options: object): object {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}

function read(parameters: Parameters, keyword: string): string | undefined {
  return readBytes(parameters, keyword)?.toString('utf8');
}

function readBytes(parameters: Parameters, keyword: string): Buffer | undefined {
  const file = parameters[keyword];
  if (!file) return undefined;
  try {
    return readFileSync(file);
  } catch (cause) {
    throw usageError(
      'CERTIFICATE_UNREADABLE',
      `The file ${file} that ${keyword} names cannot be read (${(cause as NodeJS.ErrnoException).code}).`,
      `Put it there, readable for you, or mend ${keyword} in the URL.`,
    );
  }
}
