import { type Environment, type LoadedConfig, operatorUrl, ownRuns, withPostgres } from '@drydock/kit';
import type { Client } from 'pg';
import type { Mark } from './types.ts';

/** By the name of a task or an event: `db:rollback`, `secrets.rotate`, `release`. */
const KINDS: [RegExp, Mark['kind']][] = [
  [/(^|[:.])(rollback|restore|down)$/, 'rollback'],
  [/rotat/, 'rotation'],
  [/^(release|hotfix)$|(^|[:.])deploy$/, 'deploy'],
];

interface Done {
  run: string;
  event: string;
  at: string;
  failed: boolean;
}

/** From the environment's audit log; runs of this machine that are not in there yet come from their journals. */
export async function readMarks(config: LoadedConfig, environment: Environment, from: number): Promise<Mark[]> {
  const events = await withPostgres(operatorUrl(config, environment), 'drydock health:report', (client) =>
    readLogged(client, from),
  );
  const logged = events.map(({ run, event, at, outcome }): Done => ({ run, event, at, failed: outcome !== 'done' }));
  return toMarks([...logged, ...fromJournals(config, environment, from, new Set(events.map(({ run }) => run)))]);
}

/** What the audit log has from a moment on. A database that no task has changed yet has none. */
async function readLogged(client: Client, from: number) {
  const { rows } = await client.query<{ found: string | null }>(
    `SELECT to_regclass('drydock."AuditEvent"')::text AS found`,
  );
  if (!rows[0]?.found) return [];
  const { rows: events } = await client.query<{ run: string; event: string; at: string; outcome: string }>(
    'SELECT run, event, at, outcome FROM drydock."AuditEvent" WHERE at >= $1 ORDER BY seq',
    [new Date(from).toISOString()],
  );
  return events;
}

function fromJournals(config: LoadedConfig, { name }: Environment, from: number, known: Set<string>): Done[] {
  return ownRuns(config, { of: (task) => KINDS.some(([name]) => name.test(task)) })
    .filter(
      ({ run, env, status, lastAt }) =>
        env === name && status !== 'open' && Date.parse(lastAt) >= from && !known.has(run),
    )
    .map(({ run, task, lastAt, status }) => ({ run, event: task, at: lastAt, failed: status === 'failed' }));
}

export function toMarks(done: readonly Done[]): Mark[] {
  const marks = done.flatMap(({ event, at, failed }): Mark[] => {
    const kind = KINDS.find(([name]) => name.test(event))?.[1];
    return kind ? [{ kind, at: Date.parse(at), text: `${event}${failed ? ', failed' : ''}`, failed }] : [];
  });
  return marks.sort((a, b) => a.at - b.at);
}
