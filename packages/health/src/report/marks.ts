import {
  type Environment,
  type LoadedConfig,
  operatorUrl,
  readEventsSince,
  readRuns,
  withPostgres,
} from '@drydock/kit';
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
    readEventsSince(client, new Date(from).toISOString()),
  );
  const logged = events.map(({ run, event, at, outcome }): Done => ({ run, event, at, failed: outcome !== 'done' }));
  return toMarks([...logged, ...fromJournals(config, environment, from, new Set(events.map(({ run }) => run)))]);
}

function fromJournals(config: LoadedConfig, { name }: Environment, from: number, known: Set<string>): Done[] {
  return readRuns(config.root, { of: (task) => KINDS.some(([name]) => name.test(task)) })
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
