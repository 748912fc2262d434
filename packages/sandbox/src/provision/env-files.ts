import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type EnvironmentSettings, type EnvName, parseEnv, usageError, writeDurably } from '@drydock/kit';
import { CHAIN_ID } from '../services/anvil.ts';
import { proxyFiles } from '../services/haproxy.ts';
import { BUCKET } from '../services/node-services.ts';
import { hostFolder, type SandboxState, sandboxFolder, secretsOf } from '../state.ts';
import { adminKey } from './contracts.ts';
import { rolesOf } from './databases.ts';
import { keystoreFile } from './keystores.ts';
import { projectNumber } from './sink.ts';

/** Of the reference product, as the parity table wants them. */
const FEATURES: Record<EnvironmentSettings['parity']['features'], string> = {
  all: 'reviews,certificates,demo-banner',
  subset: 'reviews,certificates',
  minimal: 'reviews,certificates',
};

export function envFolder(root: string): string {
  return join(sandboxFolder(root), 'env');
}

/** What a rotation changes in the file, and nobody else has: what stands there is right, but for the port. */
const UNDER_ROTATION = [
  'DATABASE_URL',
  'OPS_DATABASE_URL',
  'ROTATOR_DATABASE_URL',
  'REDIS_URL',
  'OPS_REDIS_URL',
  'ESCROW_ADMIN_KEY',
  'JWT_ACCESS_KEYS',
  'JWT_REFRESH_KEYS',
  'ADMIN_TOKEN',
  'SENTRY_DSN',
  'POSTHOG_KEY',
  'S3_ACCESS_KEY_ID',
  'S3_SECRET_ACCESS_KEY',
  'BACKUP_RECIPIENTS',
  'BACKUP_IDENTITY',
];

/** Writes `.env.<environment>` for dotenv-flow: everything the product and the toolkit need. What a rotation has written there stays. */
export async function writeEnvFiles(
  root: string,
  state: SandboxState,
  environments: Readonly<Record<EnvName, EnvironmentSettings>>,
): Promise<void> {
  for (const [env, settings] of Object.entries(environments)) {
    const made = await variablesOf(root, state, env, settings);
    const there = withoutShared(readEnvFile(root, env), env);
    const rotated = UNDER_ROTATION.flatMap((name) =>
      there[name] ? [[name, atAddressOf(made[name] ?? '', there[name])] as const] : [],
    );
    const text = Object.entries({ ...there, ...made, ...Object.fromEntries(rotated) })
      .map(([name, value]) => `${name}=${inQuotes(name, value)}\n`)
      .join('');
    writeIfChanged(join(envFolder(root), `.env.${env}`), text);
  }
}

/** A path may have a quote in it, and a `$`, which refers to nothing. */
export function inQuotes(name: string, value: string): string {
  const way = [`'${value}'`, ...['`', '"'].map((sign) => sign + value.replaceAll('$', '\\$') + sign)].find(
    (quoted) => parseEnv(`${name}=${quoted}\n`)[name] === value,
  );
  if (way) return way;
  throw usageError(
    'FOLDER_NOT_KEPT',
    `No env file can hold ${name}, for it has every kind of quote: ${value}`,
    'Move the checkout to a folder with a plainer name.',
  );
}

/** The sandbox's own file of an environment, as it is. */
export function readEnvFile(root: string, env: EnvName): Record<string, string> {
  const file = join(envFolder(root), `.env.${env}`);
  return existsSync(file) ? parseEnv(readFileSync(file, 'utf8')) : {};
}

/** A sandbox of before each environment had a project at Sentry: what stands there is no rotation's. */
function withoutShared({ SENTRY_DSN = '', ...rest }: Record<string, string>, env: EnvName): Record<string, string> {
  const { username, pathname } = URL.parse(SENTRY_DSN) ?? {};
  return username === env && pathname === '/1' ? rest : { SENTRY_DSN, ...rest };
}

/** Who logs in and where to stay as they are in `kept`; the host and port of `made`, which may have moved. */
function atAddressOf(made: string, kept: string): string {
  const [, host] = /^[a-z]+:\/\/[^@/]*@([^/?#]*)/.exec(made) ?? [];
  return host ? kept.replace(/^([a-z]+:\/\/[^@/]*@)[^/?#]*/, (_, who) => `${who}${host}`) : kept;
}

function writeIfChanged(file: string, text: string): void {
  if (existsSync(file) && readFileSync(file, 'utf8') === text) return;
  writeDurably(file, text);
}

async function variablesOf(
  root: string,
  state: SandboxState,
  env: EnvName,
  { parity }: EnvironmentSettings,
): Promise<Record<string, string>> {
  const { ports, contracts, backupKey, backupSigner } = state;
  const secrets = secretsOf(state, env);
  const { database, owner, login, rotator } = rolesOf(env);
  const postgres = `127.0.0.1:${ports.postgres}/${database}`;
  const redis = `127.0.0.1:${ports[`redis-${env}`]}`;
  const proxy = proxyFiles(sandboxFolder(root), env);
  return {
    NODE_ENV: parity.nodeEnv,
    PUBLIC_URL: `http://127.0.0.1:${ports[`proxy-${env}`]}`,
    DATABASE_URL: `postgresql://${login}:${secrets.appPassword}@${postgres}`,
    OPS_DATABASE_URL: `postgresql://${owner}:${secrets.ownerPassword}@${postgres}`,
    ROTATOR_DATABASE_URL: `postgresql://${rotator}:${secrets.rotatorPassword}@${postgres}`,
    REDIS_URL: `redis://app:${secrets.redisPassword}@${redis}`,
    OPS_REDIS_URL: `redis://ops:${secrets.redisOpsPassword}@${redis}`,
    CHAIN_RPC_URL: `http://127.0.0.1:${ports.anvil}`,
    CHAIN_ID: String(CHAIN_ID),
    ESCROW_FACTORY_ADDRESS: contracts?.[env]?.escrowFactory ?? '',
    CERTIFICATE_ADDRESS: contracts?.[env]?.certificate ?? '',
    ESCROW_ADMIN_KEY: await adminKey(state, env),
    ESCROW_KEYSTORE: keystoreFile(root, env),
    ESCROW_KEYSTORE_PASSWORD: secrets.keystorePassword ?? '',
    JWT_ACCESS_KEYS: secrets.jwtAccessKey,
    JWT_REFRESH_KEYS: secrets.jwtRefreshKey,
    ADMIN_TOKEN: secrets.adminToken,
    FEATURE_FLAGS: FEATURES[parity.features],
    SENTRY_DSN: `http://${secrets.sentryKey}@127.0.0.1:${ports.sink}/${projectNumber(env)}`,
    SENTRY_TRACES_SAMPLE_RATE: String(Math.min(0.1, (parity.sentrySampleRateMax ?? 0.2) / 2)),
    SENTRY_AUTH_TOKEN: secrets.sentryToken ?? '',
    POSTHOG_KEY: `phc_${env}`,
    POSTHOG_HOST: `http://127.0.0.1:${ports.sink}`,
    POSTHOG_PROJECT_ID: String(projectNumber(env)),
    POSTHOG_API_KEY: secrets.posthogToken ?? '',
    S3_ENDPOINT: `http://127.0.0.1:${ports.s3}`,
    S3_ACCESS_KEY_ID: 'S3RVER',
    S3_SECRET_ACCESS_KEY: 'S3RVER',
    BACKUP_BUCKET: BUCKET,
    BACKUP_RECIPIENTS: backupKey?.recipient ?? '',
    BACKUP_IDENTITY: backupKey?.identity ?? '',
    BACKUP_SIGNER: backupSigner?.key ?? '',
    BACKUP_SIGNING_KEY: backupSigner?.secret ?? '',
    PROXY_SOCKET: proxy.socket,
    PROXY_STATE_FILE: proxy.state,
    RELEASE_FOLDER: hostFolder(root),
  };
}
