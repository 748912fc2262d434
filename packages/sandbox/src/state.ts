import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import {
  command,
  type EnvName,
  freePort,
  hint,
  makeStateFolder,
  OpsError,
  readStateFile,
  statePath,
  writeDurably,
} from '@drydock/kit';
import { z } from 'zod';

/** What a sandbox is made of, made up once and kept (0600): ports and passwords. */
export interface SandboxState {
  /** Marks what this sandbox made outside of its own folder. */
  id: string;
  ports: Record<string, number>;
  postgresPassword: string;
  environments: Record<EnvName, EnvironmentSecrets>;
  backupKey?: { recipient: string; identity: string };
  backupSigner?: { key: string; secret: string };
  contracts?: Record<EnvName, { escrowFactory: string; certificate: string }>;
}

export interface EnvironmentSecrets {
  ownerPassword: string;
  appPassword: string;
  rotatorPassword: string;
  redisPassword: string;
  redisOpsPassword: string;
  /** Of the mnemonic, which administers the environment's contracts. */
  account?: number;
  jwtAccessKey: string;
  jwtRefreshKey: string;
  adminToken: string;
  /** Of the keystore with the environment's admin key; made up when that is first written. */
  keystorePassword?: string;
  /** The first key of its project at Sentry; rotations make others. */
  sentryKey?: string;
  /** Of an operator, at Sentry and at PostHog. */
  sentryToken?: string;
  posthogToken?: string;
}

export function sandboxFolder(root: string): string {
  return statePath(root, 'sandbox');
}

/** Where released versions lie and run, of all environments. */
export function hostFolder(root: string): string {
  return join(sandboxFolder(root), 'host');
}

const file = (root: string) => join(sandboxFolder(root), 'state.json');
const token = (bytes = 24) => randomBytes(bytes).toString('base64url');

const port = z.int().min(1).max(65_535);
const secretsSchema = z.looseObject({
  ownerPassword: z.string(),
  appPassword: z.string(),
  redisPassword: z.string(),
  redisOpsPassword: z.string().optional(),
  rotatorPassword: z.string().optional(),
  jwtAccessKey: z.string(),
  jwtRefreshKey: z.string(),
  adminToken: z.string(),
  keystorePassword: z.string().optional(),
  sentryKey: z.string().optional(),
  sentryToken: z.string().optional(),
  posthogToken: z.string().optional(),
});
const stateSchema = z.looseObject({
  id: z.string().min(1).optional(),
  ports: z.record(z.string(), port),
  postgresPassword: z.string(),
  environments: z.record(z.string(), secretsSchema),
});

export function readState(root: string): SandboxState | undefined {
  const kept = readStateFile(file(root), stateSchema) as (Omit<SandboxState, 'id'> & { id?: string }) | undefined;
  if (!kept) return undefined;
  // One of before there were ids gets its own at the next `up`.
  return { ...kept, id: kept.id ?? token() };
}

export function writeState(root: string, state: SandboxState): void {
  try {
    makeStateFolder(root, 'sandbox');
    writeDurably(file(root), JSON.stringify(state, null, 2));
  } catch (cause) {
    throw new OpsError({
      code: 'STATE_NOT_WRITABLE',
      message: `The sandbox cannot write to ${sandboxFolder(root)} (${(cause as NodeJS.ErrnoException).code}).`,
      hint: 'Make .drydock writable for you, or free disk space, and run it again.',
      cause,
    });
  }
}

/** A new one, where there is none. One that was damaged held the passwords of what is there, and is not replaced in silence. */
export function freshState(root: string): SandboxState {
  if (!existsSync(`${file(root)}.set-aside`)) return newState();
  throw new OpsError({
    code: 'SANDBOX_DAMAGED',
    message: `What the sandbox is made of could not be read: it lies in ${file(root)}.set-aside.`,
    hint: hint`Mend it and move it back, or begin from nothing: ${command('sandbox:reset')}`,
  });
}

export function newState(): SandboxState {
  return { id: token(), ports: {}, postgresPassword: token(), environments: {} };
}

/** Makes up what is not there yet for these environments; what is there stays. */
export function ensureEnvironments(state: SandboxState, names: readonly EnvName[]): void {
  for (const env of names) state.environments[env] ??= newSecrets();
  for (const secrets of Object.values(state.environments)) {
    // One of before there was a user for operators.
    secrets.redisOpsPassword ??= token();
    secrets.rotatorPassword ??= token();
    const taken = Object.values(state.environments).map(({ account }) => account ?? 0);
    secrets.account ??= Math.max(...taken) + 1;
  }
}

function newSecrets(): EnvironmentSecrets {
  return {
    ownerPassword: token(),
    appPassword: token(),
    redisPassword: token(),
    redisOpsPassword: token(),
    rotatorPassword: token(),
    jwtAccessKey: ring('a'),
    jwtRefreshKey: ring('r'),
    adminToken: token(),
  };
}

/** As the reference product reads it: one key, which signs. */
function ring(begins: string): string {
  const key = generateKeyPairSync('ed25519').privateKey.export({ format: 'der', type: 'pkcs8' });
  return `${begins}${token(4)}:private.${key.toString('base64url')}`;
}

export function secretsOf({ environments }: SandboxState, env: EnvName): EnvironmentSecrets {
  const secrets = environments[env];
  if (secrets) return secrets;
  throw new OpsError({
    code: 'SANDBOX_INCOMPLETE',
    message: `The sandbox has no environment ${env} yet.`,
    hint: command('sandbox:up'),
  });
}

/** The port of a service: the one it had, or a free one. */
export async function portOf(state: SandboxState, service: string): Promise<number> {
  const port = state.ports[service] ?? (await unusedPort(state));
  state.ports[service] = port;
  return port;
}

async function unusedPort(state: SandboxState): Promise<number> {
  const taken = new Set(Object.values(state.ports));
  for (;;) {
    const port = await freePort();
    if (!taken.has(port)) return port;
  }
}
