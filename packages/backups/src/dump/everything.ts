import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Manifest } from '../manifest.ts';
import { DUMP, GLOBALS, keyOf } from '../names.ts';
import { Pace } from '../pace.ts';
import type { WriteOptions } from '../store/types.ts';
import type { BackupTarget } from '../target.ts';
import { type Dumping, dumpDatabase, dumpGlobals, readDumpVersion } from './pg-dump.ts';
import { askSequences, joinSequences } from './sequences.ts';
import { type Facts, Snapshot, type Sums } from './snapshot.ts';
import { type Streamed, streamDump } from './stream.ts';

/** All that is read of a database for a backup, and is in the stores by then. */
export interface Read {
  facts: Facts;
  dump: Streamed;
  globals: Streamed;
  /** Undefined without checksums. */
  sums: Sums | undefined;
  sequences: NonNullable<Manifest['sequences']>;
  dumpVersion: string;
  commit: string | null;
}

/** In one snapshot, side by side. A part that fails ends the others; when it rejects, nothing is under way any more. */
export async function dumpEverything(
  target: BackupTarget,
  id: string,
  { signal, retainUntil, say }: WriteOptions & { say: (text: string) => void },
): Promise<Read> {
  const { env, stores, url, recipients, level } = target;
  const ending = new AbortController();
  const options = { level, recipients, retainUntil, signal: AbortSignal.any([signal, ending.signal]) };
  const sequences = await askSequences(url);
  const snapshot = await Snapshot.open(url);
  const begun: Dumping[] = [];
  const begin = async (dumping: Promise<Dumping>) => {
    begun.push(await dumping);
    return dumping;
  };
  try {
    const database = await begin(dumpDatabase(url, snapshot.id));
    const roles = await begin(dumpGlobals(url));
    const facts = await snapshot.facts();
    const pace = new Pace(facts.tableBytes, say);
    const streams = [
      streamDump(keyOf(env, id, DUMP), stores, { ...options, dumping: database, onBytes: (n) => pace.add(n) }),
      streamDump(keyOf(env, id, GLOBALS), stores, { ...options, dumping: roles }),
    ] as const;
    // The server has a core for each.
    const sums = target.checksums ? snapshot.sums() : Promise.resolve(undefined);
    let reason: unknown;
    sums.catch((error) => {
      reason = error;
    });
    const all = Promise.all([...streams, sums, readDumpVersion(), readCommit(target.root)]);
    const [dump, globals, summed, dumpVersion, commit] = await all.catch(async (error) => {
      ending.abort();
      await Promise.allSettled(streams);
      // What the sums met first is the reason, not that the dump was stopped for it.
      throw reason ?? error;
    });
    const later = await askSequences(url);
    return { facts, dump, globals, sums: summed, sequences: joinSequences(sequences, later), dumpVersion, commit };
  } finally {
    for (const dumping of begun) dumping.kill();
    await snapshot.close();
  }
}

/** A product without git has none. */
async function readCommit(root: string): Promise<string | null> {
  try {
    const { stdout } = await promisify(execFile)('git', ['rev-parse', '--verify', '--quiet', 'HEAD'], { cwd: root });
    return stdout.trim();
  } catch {
    return null;
  }
}
