import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type EnvironmentSettings, type EnvName, writeDurably } from '@drydock/kit';
import { CHAIN_ID } from '../services/anvil.ts';
import { proxyFiles } from '../services/haproxy.ts';
import { BUCKET } from '../services/node-services.ts';
import { hostFolder, type SandboxState, sandboxFolder, secretsOf } from '../state.ts';
import { adminKey } from './contracts.ts';
import { rolesOf } from './databases.ts';
import { keystoreFile } from './keystores.ts';

/** Of the reference product, as the parity table wants them. */
const FEATURES: Record<EnvironmentSettings['parity']['features'], string> = {
  all: 'reviews,certificates,demo-banner',
  subset: 'reviews,certificates',
  minimal: 'reviews,certificates',
};

export function envFolder(root: string): string {
  return join(sandboxFolder(root), 'env');
}

/** Writes `.env.<environment>` for dotenv-flow: everything the product and the toolkit need. */
export async function writeEnvFiles(
  root: string,
  state: SandboxState,
  environments: Readonly<Record<EnvName, EnvironmentSettings>>,
): Promise<void> {
  for (const [env, settings] of Object.entries(environments)) {
    const values = await variablesOf(root, state, env, settings);
    const text = Object.entries(values)
      .map(([name, value]) => `${name}='${value}'\n`)
      .join('');
    writeIfChanged(join(envFolder(root), `.env.${env}`), text);
  }
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
  const { database, owner, login } = rolesOf(env);
  const postgres = `127.0.0.1:${ports.postgres}/${database}`;
  const proxy = proxyFiles(sandboxFolder(root), env);
  return {
    NODE_ENV: parity.nodeEnv,
    PUBLIC_URL: `http://127.0.0.1:${ports[`proxy-${env}`]}`,
    DATABASE_URL: `postgresql://${login}:${secrets.appPassword}@${postgres}`,
    OPS_DATABASE_URL: `postgresql://${owner}:${secrets.ownerPassword}@${postgres}`,
    REDIS_URL: `redis://app:${secrets.redisPassword}@127.0.0.1:${ports[`redis-${env}`]}`,
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
    SENTRY_DSN: `http://${env}@127.0.0.1:${ports.sink}/1`,
    SENTRY_TRACES_SAMPLE_RATE: String(Math.min(0.1, (parity.sentrySampleRateMax ?? 0.2) / 2)),
    POSTHOG_KEY: `phc_${env}`,
    POSTHOG_HOST: `http://127.0.0.1:${ports.sink}`,
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
