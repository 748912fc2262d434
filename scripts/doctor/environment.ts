import { basename } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { command, describeVariables, type Environment, EXIT, type TaskContext, toOpsError } from '@drydock/kit';
import { backupProbes } from './backups.ts';
import { DATABASE, databaseProbes } from './database.ts';
import type { Patient, Probe, Row } from './probe.ts';
import { productProbes } from './product.ts';
import { releaseProbes } from './release.ts';
import { sentryProbes } from './sentry.ts';

/** With what it takes to begin, a person waits for three seconds. */
const WITHIN_MS = 2_000;

/** Asks everything at once; what has not answered by then does not work. */
export async function examine(
  { config, run }: TaskContext,
  environment: Environment,
  withinMs = WITHIN_MS,
): Promise<Row[]> {
  const patient = { config, environment, run };
  const groups = [variableProbes, databaseProbes, productProbes, backupProbes, sentryProbes, releaseProbes];
  const probes = (await Promise.all(groups.map(async (probesOf) => probesOf(patient)))).flat();
  const late = sleep(withinMs, 'late' as const);
  const rows = (await Promise.all(probes.map((probe) => answered(probe, late)))).flat();
  const isAway = rows.some(({ what, state }) => what === DATABASE && state !== 'works');
  return rows.filter(({ what }) => !isAway || !what.startsWith(DATABASE) || what === DATABASE);
}

async function answered(probe: Probe, late: Promise<'late'>): Promise<Row[]> {
  const { what, next } = probe;
  const row = (of: Omit<Row, 'what'>): Row[] => [{ what, ...of }];
  try {
    const answer = await Promise.race([probe.ask(), late]);
    if (typeof answer !== 'string') return answer;
    if (answer === 'late')
      return row({ state: 'fails', code: 'NO_ANSWER', found: 'It does not answer.', ...(next ? { next } : {}) });
    return row({ state: 'works', code: 'WORKS', found: answer });
  } catch (thrown) {
    const error = toOpsError(thrown);
    const isUnset = error.code === 'VARIABLE_MISSING';
    const state = isUnset ? 'unset' : error.exit === EXIT.locked ? 'doubt' : 'fails';
    // Where it was looked for stands above, once.
    const found = isUnset ? error.message.replace(/^(\S+ is not set).*$/s, '$1') : error.message;
    return row({
      state,
      code: error.code,
      found,
      ...(error.hint || next ? { next: error.hint ?? next } : {}),
    });
  }
}

/** Those that are set have the form that they must have, and those that are required are set. */
function variableProbes({ config, environment }: Patient): Probe[] {
  return [
    {
      what: 'variables',
      async ask() {
        const all = describeVariables(config, environment);
        const wrong = all.flatMap(({ finding }) => (finding?.level === 'error' ? [finding] : []));
        const [first] = wrong;
        if (!first)
          return `${all.filter(({ value }) => value !== 'not set').length} set, in ${
            environment.files
              .filter(({ exists }) => exists)
              .map(({ path }) => basename(path))
              .join(', ') || 'the shell'
          }`;
        const found = wrong.map(({ message }) => message).join(' ');
        return [
          { what: 'variables', state: 'fails', code: first.code, found, next: first.hint ?? command('env:check') },
        ];
      },
    },
  ];
}
