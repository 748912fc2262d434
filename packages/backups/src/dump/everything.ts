import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Manifest } from '../manifest.ts';
import { DUMP, GLOBALS, keyOf } from '../names.ts';
import { Pace } from '../pace.ts';
import type { WriteOptions } from '../store/types.ts';
import type { BackupTarget } from '../target.ts';
import { type Dumping, dumpDatabase, dumpGlobals, readDumpVersion } from './pg-dump.ts';
import { askSequences, joinSequences } from './sequences.ts';
import { type Facts, Snapshot } from './snapshot.ts';
import { type Streamed, streamDump } from './stream.ts';
import { DumpSums, type Sums } from './sums.ts';

/** All that is read of a database for a backup, and is in the stores by then. */
export interface Read {
  facts: Facts;
  dump: Streamed;
  globals: Streamed;
  /** Undefined without checksums, and of a dump that is not understood. */
  sums: Sums | undefined;
  migrationHead: string | null;
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
  const { stores, url, recipients, level } = target;
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
    const sums = new DumpSums({ sums: target.checksums, history: facts.history });
    const onPlain = (bytes: Buffer) => {
      pace.add(bytes.length);
      sums.add(bytes);
    };
    const streams = [
      streamDump(keyOf(target, id, DUMP), stores, { ...options, dumping: database, onPlain }),
      streamDump(keyOf(target, id, GLOBALS), stores, { ...options, dumping: roles }),
    ] as const;
    const all = Promise.all([...streams, readDumpVersion(), readCommit(target.root)]);
    const [dump, globals, dumpVersion, commit] = await all.catch(async (error) => {
      ending.abort();
      await Promise.allSettled(streams);
      throw error;
    });
    const later = await askSequences(url);
    return {
      ...{ facts, dump, globals, dumpVersion, commit },
      sums: target.checksums ? sums.of(snapshot.tables) : undefined,
      migrationHead: sums.migrationHead(),
      sequences: joinSequences(sequences, later),
    };
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
