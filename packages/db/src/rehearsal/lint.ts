import type { OpsError } from '@drydock/kit';
import { readNamed } from '@drydock/kit/inventory';
import { levelled } from '../codes.ts';
import { findHazards } from '../hazards/find.ts';
import type { Hazard } from '../hazards/types.ts';
import { withMigrations } from '../migrations/apply.ts';
import { readMigrations } from '../migrations/folder.ts';
import { atStatements, type Note } from '../migrations/note.ts';
import { readTables } from '../seen/tables.ts';
import type { Witness } from '../seen/types.ts';
import type { Target } from '../target.ts';
import { applyFenced } from './fence.ts';
import { Gate } from './gate.ts';
import { lostByRunning } from './lost.ts';
import { observeMigration, watchCopy } from './observe.ts';
import { withScratch } from './scratch.ts';

/**
 * The hazards of one migration before it meets a database with rows: applied behind the earlier ones on an empty
 * scratch, as if every table had a row and every column were used.
 */
export async function lintMigration(target: Target, name: string): Promise<Hazard[]> {
  const all = readMigrations(target.migrationsDir);
  const at = all.findIndex((migration) => migration.name === name);
  const migration = all[at];
  if (!migration) return [];
  return withScratch(
    target,
    ({ url }) =>
      withMigrations(url, async (session) => {
        const { client } = session;
        for (const earlier of all.slice(0, at)) await applyFenced(session, earlier, target);
        const tables = (await readTables(client)).map((table) => ({ ...table, rows: Number.POSITIVE_INFINITY }));
        const before = await readNamed(client);
        const witnesses: Witness[] = [];
        const notes: Note[] = [];
        const observed = observeMigration(session, migration, {
          lockTimeoutMs: target.lockTimeoutMs,
          watched: await watchCopy(client, tables),
          witnesses,
          notes,
          gate: new Gate(),
          allRows: false,
        });
        // What it would do to the server was taken back, or not begun: the statements were seen.
        await observed.catch((thrown) => {
          if (!['SERVER_TOUCHED', 'NEEDS_ROLE'].includes((thrown as OpsError).code)) throw thrown;
        });
        const lost = lostByRunning(before, await readNamed(client), witnesses, undefined);
        const { hazards } = await findHazards(migration, witnesses, tables, { ...target, sizesUnknown: true }, [
          ...lost,
          ...atStatements(notes, witnesses),
        ]);
        return levelled(hazards, target.hazards);
      }),
    { content: 'empty' },
  );
}
