import { join } from 'node:path';
import {
  type Environment,
  type LoadedConfig,
  makeStateFolder,
  readStateFile,
  statePath,
  toOpsError,
  writeDurably,
} from '@drydock/kit';
import { z } from 'zod';
import { withRecord } from '../record/record.ts';
import type { Verdict } from './types.ts';

/** What a run of the tests is called in the record. */
export const TESTED = 'run of the tests';
/** The box of the checklist that it ticks, and that a person may sign where there was no run. */
export const TESTS = 'tests';
/** How the record tells what a person stands for from what was looked at. */
export const SIGNED = 'signed: ';

const testedSchema = z.object({
  commit: z.string().regex(/^[0-9a-f]{40,64}$/),
  ok: z.boolean(),
  says: z.string(),
  by: z.string(),
  at: z.string(),
});
export type Tested = z.output<typeof testedSchema>;

/** In this checkout, for a run of the tests that knows no environment: `.drydock/tests/<commit>.json`. */
export function keepTested(root: string, tested: Tested): void {
  const folder = makeStateFolder(root, 'tests');
  writeDurably(join(folder, `${tested.commit}.json`), `${JSON.stringify(tested, null, 2)}\n`);
}

function readTested(root: string, commit: string): Tested | undefined {
  const tested = readStateFile(join(statePath(root, 'tests'), `${commit}.json`), testedSchema);
  return tested?.commit === commit ? tested : undefined;
}

/** What is recorded of the tests of this very commit: in the database of an environment for the team, or in this checkout. The newest counts. */
export async function readRecorded(
  config: LoadedConfig,
  environments: readonly Environment[],
  commit: string,
): Promise<Verdict> {
  const found: Tested[] = [];
  let unread: string | undefined;
  for (const environment of environments) {
    try {
      const evidence = await withRecord(config, environment, (record) => record.evidence(commit));
      const now = Date.now();
      found.push(
        ...evidence.filter(
          ({ item, says, until }) =>
            item === TESTED || (item === TESTS && says.startsWith(SIGNED) && until !== null && Date.parse(until) > now),
        ),
      );
    } catch (thrown) {
      unread = toOpsError(thrown).message;
    }
  }
  const here = readTested(config.root, commit);
  const newest = [...found, ...(here ? [here] : [])].sort((a, b) => (a.at < b.at ? 1 : -1))[0];
  if (!newest) return { state: 'unknown', says: unread ?? 'no run of its tests is recorded' };
  const { ok, says, by, at } = newest;
  return { state: ok ? 'green' : 'red', says: `${says}, ${at.slice(0, 16).replace('T', ' ')} by ${by}`, by, at };
}
