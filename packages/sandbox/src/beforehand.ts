import { existsSync, statfsSync } from 'node:fs';
import { userInfo } from 'node:os';
import { dirname } from 'node:path';
import { command, findTool, hint, OpsError, usageError } from '@drydock/kit';
import type { Service } from './services/types.ts';

/** A cluster with a database for each environment, and what a first release writes into it. */
const CLUSTER_MIB = 128;
/** Logs, the chain, the append-only files of Redis. */
const REST_MIB = 32;

/** What would stop the one service while the others are up already is said before any of them is begun (exit 2). */
export function refuseMissingTools(services: readonly Service[]): void {
  const missing = [...new Set(services.flatMap(({ tools }) => tools))].filter((tool) => !findTool(tool));
  if (missing.length === 0) return;
  const one = missing.length === 1;
  throw usageError(
    'TOOL_MISSING',
    `${missing.join(', ')} ${one ? 'is' : 'are'} not installed on this machine, and the sandbox needs ${one ? 'it' : 'them'}.`,
    'Install what is missing: npm run prepare-machine',
  );
}

/** PostgreSQL's initdb asks the system for the name of its user. */
export function refuseNamelessUser(): void {
  try {
    userInfo();
  } catch {
    const uid = process.getuid?.() ?? 0;
    throw usageError(
      'USER_WITHOUT_NAME',
      `The user id ${uid} has no name on this machine (/etc/passwd), and PostgreSQL makes no database for one that has none.`,
      `Give it one: echo "ops:x:${uid}:${process.getgid?.() ?? uid}::/tmp:/bin/sh" | sudo tee -a /etc/passwd   Or run it as another user.`,
    );
  }
}

/** `cluster`: where a cluster is to be made, and has not been yet. */
export function refuseFullDisk(folder: string, { cluster }: { cluster: string | undefined }): void {
  refuse(folder, REST_MIB);
  if (cluster !== undefined) refuse(cluster, CLUSTER_MIB);
}

function refuse(folder: string, leastMib: number): void {
  let there = folder;
  while (!existsSync(there)) there = dirname(there);
  const { bavail, bsize } = statfsSync(there);
  const mib = Math.floor((bavail * bsize) / 2 ** 20);
  if (mib >= leastMib) return;
  throw new OpsError({
    code: 'DISK_FULL',
    message: `Only ${mib} MiB are free at ${there}, and the sandbox wants ${leastMib} there.`,
    hint: hint`Free disk space, and run it again: ${command('sandbox:up')}`,
    exit: 2,
  });
}
