import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ENV_NAMES, type EnvName, freePort, OpsError, writeDurably } from '@drydock/kit';

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
  redisPassword: string;
  jwtAccessKey: string;
  jwtRefreshKey: string;
  adminToken: string;
  /** Of the keystore with the environment's admin key; made up when that is first written. */
  keystorePassword?: string;
}

export function sandboxFolder(root: string): string {
  return join(root, '.drydock', 'sandbox');
}

const file = (root: string) => join(sandboxFolder(root), 'state.json');
const token = (bytes = 24) => randomBytes(bytes).toString('base64url');

export function readState(root: string): SandboxState | undefined {
  if (!existsSync(file(root))) return undefined;
  const kept = JSON.parse(readFileSync(file(root), 'utf8')) as Omit<SandboxState, 'id'> & { id?: string };
  // One of before there were ids gets its own at the next `up`.
  return { ...kept, id: kept.id ?? token() };
}

export function writeState(root: string, state: SandboxState): void {
  try {
    // Others must get in: PostgreSQL runs as another user.
    mkdirSync(sandboxFolder(root), { recursive: true, mode: 0o755 });
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

export function newState(): SandboxState {
  const secrets = (): EnvironmentSecrets => ({
    ownerPassword: token(),
    appPassword: token(),
    redisPassword: token(),
    jwtAccessKey: `a${token(4)}:${token(32)}`,
    jwtRefreshKey: `r${token(4)}:${token(32)}`,
    adminToken: token(),
  });
  return {
    id: token(),
    ports: {},
    postgresPassword: token(),
    environments: Object.fromEntries(ENV_NAMES.map((env) => [env, secrets()])) as SandboxState['environments'],
  };
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
