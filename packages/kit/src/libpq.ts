import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { isMissing, usageError } from './errors.ts';

/** Parameters of a connection by libpq's keywords: `host`, `sslmode`, … */
export type Parameters = Record<string, string | undefined>;

/** libpq's keywords, and the variables that stand for them (PostgreSQL manual, 34.15). */
export const LIBPQ_VARIABLES: Record<string, string> = {
  host: 'PGHOST',
  hostaddr: 'PGHOSTADDR',
  port: 'PGPORT',
  dbname: 'PGDATABASE',
  user: 'PGUSER',
  password: 'PGPASSWORD',
  passfile: 'PGPASSFILE',
  require_auth: 'PGREQUIREAUTH',
  channel_binding: 'PGCHANNELBINDING',
  options: 'PGOPTIONS',
  client_encoding: 'PGCLIENTENCODING',
  connect_timeout: 'PGCONNECT_TIMEOUT',
  sslmode: 'PGSSLMODE',
  sslnegotiation: 'PGSSLNEGOTIATION',
  sslcert: 'PGSSLCERT',
  sslkey: 'PGSSLKEY',
  sslcertmode: 'PGSSLCERTMODE',
  sslrootcert: 'PGSSLROOTCERT',
  sslcrl: 'PGSSLCRL',
  sslcrldir: 'PGSSLCRLDIR',
  sslsni: 'PGSSLSNI',
  ssl_min_protocol_version: 'PGSSLMINPROTOCOLVERSION',
  ssl_max_protocol_version: 'PGSSLMAXPROTOCOLVERSION',
  requirepeer: 'PGREQUIREPEER',
  gssencmode: 'PGGSSENCMODE',
  krbsrvname: 'PGKRBSRVNAME',
  gsslib: 'PGGSSLIB',
  target_session_attrs: 'PGTARGETSESSIONATTRS',
  load_balance_hosts: 'PGLOADBALANCEHOSTS',
};

/**
 * What a URL leaves open comes, as with libpq, from the entry of the service file that it or PGSERVICE names, then from the
 * environment, then from the files in ~/.postgresql (PostgreSQL manual, 34.17, 34.15, 34.19).
 */
export function withLibpqDefaults(given: Parameters, env: NodeJS.ProcessEnv): Parameters {
  const service = given.service ?? env.PGSERVICE;
  const fromEnvironment = Object.fromEntries(
    Object.entries(LIBPQ_VARIABLES).map(([keyword, variable]) => [keyword, env[variable] || undefined]),
  );
  const entry = service ? readService(service, env) : {};
  return withFiles(over(given, over(entry, fromEnvironment)), env);
}

/** `upper`, and where it says nothing `lower`. */
function over(upper: Parameters, lower: Parameters): Parameters {
  return { ...lower, ...Object.fromEntries(Object.entries(upper).filter(([, value]) => value)) };
}

/** Where the machine keeps the certificates that it trusts: Debian, Red Hat, Alpine and macOS. */
const SYSTEM_ROOTS = ['/etc/ssl/certs/ca-certificates.crt', '/etc/pki/tls/certs/ca-bundle.crt', '/etc/ssl/cert.pem'];

/**
 * `sslrootcert=system` is the file of the machine's, which older libpqs and node do not find by that word, and means verify-full.
 * So does a verification for which nobody names a root: libpq alone would look for ~/.postgresql/root.crt, node alone at its own.
 */
function withFiles(parameters: Parameters, { SSL_CERT_FILE }: NodeJS.ProcessEnv): Parameters {
  const system = () => SSL_CERT_FILE || SYSTEM_ROOTS.find((file) => existsSync(file));
  const isSystem = parameters.sslrootcert === 'system';
  const sslmode = parameters.sslmode ?? (isSystem ? 'verify-full' : undefined);
  const named = isSystem ? undefined : (parameters.sslrootcert ?? home('root.crt'));
  const certificate = parameters.sslcert ?? (home('postgresql.key') && home('postgresql.crt'));
  return {
    ...parameters,
    sslmode,
    sslrootcert: named ?? (isSystem || sslmode === 'verify-full' ? system() : undefined),
    sslcert: certificate,
    sslkey: parameters.sslkey ?? (certificate ? home('postgresql.key') : undefined),
  };
}

/** The key that goes with a client's certificate where none is named. */
export function hasClientKey(): boolean {
  return home('postgresql.key') !== undefined || Boolean(process.env.PGSSLKEY);
}

function home(name: string): string | undefined {
  const file = join(homedir(), '.postgresql', name);
  return existsSync(file) ? file : undefined;
}

/** libpq is built with one of these; Debian's, and where others put it. */
const SYSTEM_FOLDERS = ['/etc/postgresql-common', '/etc/postgresql', '/usr/local/etc/postgresql', '/etc'];

function readService(name: string, env: NodeJS.ProcessEnv): Parameters {
  const own = env.PGSERVICEFILE || join(homedir(), '.pg_service.conf');
  const shared = (env.PGSYSCONFDIR ? [env.PGSYSCONFDIR] : SYSTEM_FOLDERS).map((folder) =>
    join(folder, 'pg_service.conf'),
  );
  for (const file of [own, ...shared]) {
    const entry = entryOf(readIfThere(file), name);
    if (entry) return entry;
  }
  throw usageError(
    'SERVICE_UNKNOWN',
    `No service file has an entry [${name}]: looked in ${own} and ${shared.join(', ')}.`,
    'Write it there, or name the file in PGSERVICEFILE.',
  );
}

function readIfThere(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    if (isMissing(cause)) return '';
    throw usageError(
      'SERVICE_FILE_UNREADABLE',
      `The service file ${file} cannot be read (${(cause as NodeJS.ErrnoException).code}).`,
    );
  }
}

/**
 * As libpq reads it, and no INI parser does: everything behind the first `=` is the value, with quotes, `#` and `;` standing for
 * themselves, as they do in passwords; of a keyword that comes twice the first counts.
 */
function entryOf(text: string, name: string): Parameters | undefined {
  let entry: Parameters | undefined;
  for (const line of text.split('\n').map((each) => each.trim())) {
    if (line === '' || line.startsWith('#')) continue;
    if (line.startsWith('[')) {
      if (entry) return entry;
      if (line === `[${name}]`) entry = {};
      continue;
    }
    const [keyword, value] = [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)];
    if (entry && line.includes('=')) entry[keyword] ??= value;
  }
  return entry;
}
