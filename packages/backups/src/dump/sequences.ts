import { type Finding, type Secret, withPostgres } from '@drydock/kit';
import type { Client } from 'pg';
import type { Manifest } from '../manifest.ts';
import { cannotRead } from './unreadable.ts';

/** Where a sequence stands (`last` as text, since it is a bigint), and which way it goes. */
export type SequenceValue = { name: string; last: string; called: boolean; up: boolean; cycle: boolean };

/** So many in one question. */
const AT_ONCE = 200;

/** In no snapshot: a sequence is what it is, whoever looks. Those of extensions and of the toolkit are left out. */
export async function readSequences(client: Client): Promise<SequenceValue[]> {
  const { rows: ways } = await client.query<Pick<SequenceValue, 'name' | 'up' | 'cycle'>>(
    `SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname) AS name, s.seqincrement > 0 AS up, s.seqcycle AS cycle
       FROM pg_sequence s JOIN pg_class c ON c.oid = s.seqrelid JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE c.relpersistence <> 't' AND n.nspname <> 'drydock'
        AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
      ORDER BY 1`,
  );
  const values: SequenceValue[] = [];
  for (let at = 0; at < ways.length; at += AT_ONCE) {
    const some = ways.slice(at, at + AT_ONCE);
    const each = some.map(
      ({ name }, n) => `SELECT ${n} AS n, last_value::text AS last, is_called AS called FROM ${name}`,
    );
    const { rows } = await client.query<{ n: number; last: string; called: boolean }>(each.join(' UNION ALL '));
    for (const { n, last, called } of rows) values.push({ ...(some[n] as (typeof some)[number]), last, called });
  }
  return values;
}

/** On a session of its own: no lock on a sequence stays for as long as the dump takes. */
export async function askSequences(url: Secret): Promise<SequenceValue[]> {
  return withPostgres(url, 'drydock db:backup', async (client) => {
    for (let tries = 1; ; tries++) {
      try {
        return await readSequences(client);
      } catch (cause) {
        // One was dropped between the two looks.
        if ((cause as { code?: string }).code !== UNDEFINED_TABLE || tries === 3) throw cannotRead(cause);
      }
    }
  });
}

const UNDEFINED_TABLE = '42P01';

/**
 * The dump reads a sequence when it comes to it. One that stood still meanwhile is known to the number; of one that
 * moved, it is known behind what it cannot be. One that was not there at both ends is left out.
 */
export function joinSequences(before: SequenceValue[], after: SequenceValue[]): NonNullable<Manifest['sequences']> {
  const later = new Map(after.map((one) => [one.name, one]));
  return before.flatMap((one) => {
    const then = later.get(one.name);
    if (!then) return [];
    const { name, last, called } = isBehind(then, one) ? then : one;
    const still = then.last === one.last && then.called === one.called;
    return [{ name, last, called, ...(still ? {} : { moved: true }) }];
  });
}

type Value = Pick<SequenceValue, 'last' | 'called'>;

/** Whether `one` gives out a number before `than` does. */
function isBehind(one: SequenceValue, than: Value): boolean {
  const [a, b] = [BigInt(one.last), BigInt(than.last)];
  if (a === b) return !one.called && than.called;
  return one.up ? a < b : a > b;
}

/** Never with the rows: ids may be given by hand, run in a circle, downwards, or be part of a text. */
export async function compareSequences(client: Client, { sequences }: Manifest): Promise<Finding[]> {
  if (!sequences) return [notKept];
  const found = new Map((await readSequences(client)).map((one) => [one.name, one]));
  return sequences.flatMap((wanted): Finding[] => {
    const one = found.get(wanted.name);
    const same = one && (wanted.moved ? one.cycle || !isBehind(one, wanted) : isAt(one, wanted));
    if (same) return [];
    const [is, was] = [one ? saying(one) : 'is not there', saying(wanted)];
    return [
      { level: 'error', code: 'SEQUENCE_DIFFERS', message: `The sequence ${wanted.name} ${is}, the backup's ${was}.` },
    ];
  });
}

const notKept: Finding = {
  level: 'warn',
  code: 'SEQUENCES_NOT_KEPT',
  message: 'The backup does not say where its sequences stand: they cannot be compared.',
};

function isAt(one: Value, other: Value): boolean {
  return one.last === other.last && one.called === other.called;
}

function saying({ last, called }: Value): string {
  return `stands at ${last}${called ? '' : ' (not given out yet)'}`;
}
