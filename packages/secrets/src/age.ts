import { type Environment, type LoadedConfig, operatorUrl, withPostgres } from '@drydock/kit';
import { secretsSection } from './config.ts';
import { type LastRotated, readLastRotated } from './record/last.ts';
import { readGenerations } from './record/rows.ts';
import type { Generation } from './record/types.ts';
import { rotatedVariables } from './variables.ts';

const DAY_MS = 86_400_000;

export interface Age {
  /** ISO 8601: since then its value is in use; null where nobody has written that down. */
  since: string | null;
  ageDays: number | null;
  due: string | null;
  overdue: boolean;
}

export interface SecretAge extends Age {
  /** As people type it. */
  name: string;
  variables: readonly string[];
  everyDays: number;
}

export interface SecretAges {
  secrets: SecretAge[];
  /** Variables that are declared secret, have a value, and are under no rotation: since when, where a rotation of before has told. */
  unrotated: { variable: string; since: string | null }[];
  /** By the database's clock. */
  now: Date;
}

/** By the record's generations, where they tell; else by the audit log; else nobody knows. */
export function ageOf(
  { name, everyDays }: { name: string; everyDays: number },
  generations: readonly Generation[],
  { secrets }: LastRotated,
  now: Date,
): Age {
  const current = generations.findLast((one) => one.name === name && one.state === 'current');
  return aged(current?.currentAt ?? secrets.get(name) ?? null, everyDays, now);
}

/** Nobody has written it down. */
export const UNKNOWN_AGE: Age = { since: null, ageDays: null, due: null, overdue: false };

export function aged(since: string | null, everyDays: number, now: Date): Age {
  if (since === null) return UNKNOWN_AGE;
  const due = new Date(Date.parse(since) + everyDays * DAY_MS);
  const ageDays = Math.floor((now.getTime() - Date.parse(since)) / DAY_MS);
  return { since, ageDays, due: due.toISOString(), overdue: due < now };
}

/** How old each secret of an environment is. */
export async function secretAges(config: LoadedConfig, environment: Environment): Promise<SecretAges> {
  const rotate = secretsSection.of(config)?.rotate ?? {};
  const rotated = await rotatedVariables(config, environment);
  const under = new Set([...rotated.values()].flat());
  const declared = Object.entries(config.variables).flatMap(([name, { secret }]) =>
    secret && environment.has(name) && !under.has(name) ? [name] : [],
  );
  return withPostgres(operatorUrl(config, environment), 'drydock secrets:age', async (client) => {
    const generations = await readGenerations(client, environment.name);
    const last = await readLastRotated(client, environment.name);
    const { rows } = await client.query<{ now: Date }>('SELECT clock_timestamp() AS now');
    const now = rows[0]?.now ?? new Date();
    return {
      secrets: Object.entries(rotate).map(([name, { everyDays }]) => ({
        ...{ name, everyDays, variables: rotated.get(name) ?? [] },
        ...ageOf({ name, everyDays }, generations, last, now),
      })),
      unrotated: declared.map((variable) => ({ variable, since: last.variables.get(variable) ?? null })),
      now,
    };
  });
}
