import { basename, dirname, join } from 'node:path';
import { exec, type Finding, readEventsNamed, usageError } from '@drydock/kit';
import { looking } from '../sessions/looking.ts';
import type { Target } from '../target.ts';
import { readableFiles, type SchemaFile } from './files.ts';
import { reasonOf, type Uses, usesOf } from './used.ts';

/** The event that db:deploy leaves in the audit log: which version's schema the database has had since. */
export const DEPLOYED = 'db.deployed';

export type Deployed = {
  commit: string | null;
  head: string | null;
  inventory: string;
  /** What of the Prisma schema it was not by then: see `driftKey`. Absent where nobody had looked. */
  drift?: string[];
};

/** Which version serves while migrations run, and what of the database it uses. */
export interface Running {
  commit: string;
  uses: Uses;
}

/**
 * The version whose deploy was the last before this checkout's, by the audit log, or the one that is named. Where this checkout's alone was
 * ever deployed, that one: its migrations were undone since, and are applied again. Undefined if nobody knows; then everything that is
 * there counts as used.
 */
export async function findRunning(
  target: Target,
  ref?: string,
): Promise<{ running: Running | undefined; failed: Finding[] }> {
  if (ref) {
    const files = await filesAt(target.schemaFile, ref);
    if (!files)
      throw usageError(
        'RUNNING_UNKNOWN',
        `${ref} is no commit of this checkout that has ${basename(target.schemaFile)}.`,
        'Name the commit or tag of the version that serves now; a shallow clone has only its own.',
      );
    return readUses(ref, files, target);
  }
  const here = await currentCommit(target.schemaFile);
  const deployed = (await readDeployed(target)).flatMap(({ commit }) => commit ?? []);
  const last = deployed.find((commit) => commit !== here) ?? deployed[0];
  const files = last && (await filesAt(target.schemaFile, last));
  return files ? readUses(last, files, target) : { running: undefined, failed: [] };
}

/** A schema of long ago may be none to the Prisma of today. */
export async function readUses(
  commit: string,
  files: SchemaFile[],
  { defaultSchema }: Pick<Target, 'defaultSchema'>,
): ReturnType<typeof findRunning> {
  try {
    return { running: { commit, uses: await usesOf(files, defaultSchema) }, failed: [] };
  } catch (cause) {
    const message = `The Prisma schema of ${commit.slice(0, 10)}, which serves now, cannot be read, so that everything that is there counts as used: ${reasonOf(cause)}.`;
    return { running: undefined, failed: [{ level: 'info', code: 'RUNNING_UNREAD', message }] };
  }
}

/** Newest first. */
export async function readDeployed(target: Target): Promise<Deployed[]> {
  return looking(target.url, 'drydock db:dry-run', async (client) => {
    return (await readEventsNamed(client, DEPLOYED)).map(({ metadata }) => metadata as unknown as Deployed);
  });
}

export async function currentCommit(schemaFile: string): Promise<string | undefined> {
  const { stdout, code } = await git(schemaFile, ['rev-parse', '--verify', '--quiet', 'HEAD']);
  return code === 0 ? stdout.trim() : undefined;
}

/** The files of the Prisma schema at a commit; undefined where it has none. */
export async function filesAt(schemaFile: string, ref: string): Promise<SchemaFile[] | undefined> {
  const listed = await git(schemaFile, ['ls-tree', '-r', '--name-only', '-z', ref, '--', basename(schemaFile)]);
  const names = listed.stdout.split('\0').filter((name) => name.endsWith('.prisma'));
  if (listed.code !== 0 || names.length === 0) return undefined;
  const files = await Promise.all(
    names.map(async (name) => {
      const { stdout } = await git(schemaFile, ['show', `${ref}:./${name}`]);
      return { path: join(dirname(schemaFile), name), content: stdout };
    }),
  );
  return readableFiles(files);
}

/** A checkout without git, or without that commit, has no answer: that is none of this tool's business. */
async function git(schemaFile: string, args: string[]): Promise<{ stdout: string; code: number }> {
  try {
    return await exec('git', args, { cwd: dirname(schemaFile), okCodes: [1, 128, 129] });
  } catch {
    return { stdout: '', code: 127 };
  }
}
