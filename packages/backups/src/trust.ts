import {
  command,
  defineStep,
  type Environment,
  EXIT,
  type Hint,
  hint,
  type LoadedConfig,
  OpsError,
  operatorUrl,
  readEventsNamed,
  type Step,
  withPostgres,
} from '@drydock/kit';
import { backupsSection } from './config/backups.ts';
import type { Readable } from './reader.ts';

interface Where {
  config: LoadedConfig;
  environment: Environment;
}

/** A finding that a plan can keep. */
export type Note = { level: 'error' | 'warn'; code: string; message: string; hint?: Hint | undefined };

export interface Pinned {
  name: string;
  key: string;
  /** That holds it; undefined where the config itself names the key. */
  variable?: string;
}

/** The signers that the config pins. A variable may hold several, between commas; one that is not set is an error: it must not let everybody in. */
export function signersOf(config: LoadedConfig, environment: Environment): Pinned[] {
  return backupsSection.of(config).signers.flatMap((signer): Pinned[] => {
    if ('key' in signer) return [signer];
    const { name, variable } = signer;
    const keys = environment.require(variable).split(',');
    return keys.map((key) => ({ name, key: key.trim(), variable }));
  });
}

/** Why none of the pinned signers stands for it; undefined where one does, or none is pinned. */
export function unsignedBecause(pinned: Pinned[], { signedBy }: Pick<Readable, 'signedBy'>): string | undefined {
  if (pinned.length === 0) return undefined;
  if (signedBy === undefined) return 'nobody signed it';
  if (pinned.some(({ key }) => key === signedBy)) return undefined;
  return `it is signed by ${signedBy}, which backups.signers does not name`;
}

/** Event of a backup that no signer stands for: its digest, where whoever writes to the store cannot write. */
export const MADE = 'backup.made';
/** Backups of a year, every hour. */
const REMEMBERED = 9_000;

/** Why nobody stands for a backup; undefined where somebody does. */
type Judge = (readable: Pick<Readable, 'signedBy' | 'digest'>) => string | undefined;

/**
 * Without pinned signers the environment's own log is asked, once for all: it knows the digest of each manifest that was written for
 * it. What it does not know, or cannot be asked about, nobody stands for.
 */
export async function judgeOf({ config, environment }: Where): Promise<Judge> {
  const pinned = signersOf(config, environment);
  if (pinned.length > 0) return (readable) => unsignedBecause(pinned, readable);
  const name = environment.name;
  try {
    const events = await withPostgres(operatorUrl(config, environment), 'drydock backups', (client) =>
      readEventsNamed(client, MADE, REMEMBERED),
    );
    const known = new Set(events.map(({ metadata }) => metadata?.manifest));
    return ({ digest }) =>
      known.has(digest) ? undefined : `backups.signers names nobody, and the log of ${name} does not know it`;
  } catch (error) {
    if (!(error instanceof OpsError)) throw error;
    const why = error.message.replace(/\.$/, '');
    return () => `backups.signers names nobody, and the log of ${name} cannot be asked (${why})`;
  }
}

export function untrusted(label: string, why: string, env: string): OpsError {
  return new OpsError({
    code: 'BACKUP_UNTRUSTED',
    message: `${label} is not opened: ${why}. What is restored runs as the operator.`,
    hint: hint`Take an older one (${command('backup:list', { env })}). If you know who made it, say how: --trust "REASON"; its key belongs into backups.signers.`,
    exit: EXIT.refused,
  });
}

export function forged(label: string, why: string, env: string): OpsError {
  return new OpsError({
    code: 'BACKUP_FORGED',
    message: `${label} is not opened: ${why}. No broken disk does that.`,
    hint: hint`Find out who writes to the store, and take another: ${command('backup:list', { env })}`,
    exit: EXIT.refused,
  });
}

/** That it was opened all the same. */
export function believed(label: string, why: string, reason: string): Note {
  return { level: 'warn', code: 'TRUSTED', message: `${label} was opened although ${why}: ${reason}` };
}

/** Why nobody stands for a backup: no pinned signer, or where none is pinned not the environment's own log. */
export async function against(where: Where, readable: Readable | undefined): Promise<string | undefined> {
  if (!readable) return 'a file without its manifest is signed by nobody';
  return (await judgeOf(where))(readable);
}

/** For who pins nobody. */
export function nobodyPinned(env: string): Note {
  return {
    level: 'warn',
    code: 'UNSIGNED',
    message: `backups.signers names nobody: only the log of ${env} tells its backups from planted ones, and it may be gone with the database.`,
    hint: hint`Make a signing key, and name it in drydock.config.ts: ${command('backup:keygen')}`,
  };
}

/** Opening what nobody stands for is an event of its own, written before it is opened. */
export function trustSteps(backup: string, trusted: { reason: string; why: string } | null): Step[] {
  if (!trusted) return [];
  return [
    defineStep({
      name: 'trust',
      async run({ audit }) {
        await audit('backup.trusted', { backup, ...trusted }, 'trusted');
        return null;
      },
    }),
  ];
}
