import { randomUUID } from 'node:crypto';
import { OpsError, type Secret } from '@drydock/kit';
import type { Client } from 'pg';
import type { Taker } from '../archive/reader.ts';
import { startReading } from './pg-dump.ts';

/** A table to be read, as `listTables` names it. */
export interface Reading {
  name: string;
  taker: Taker;
}

/** As pg_dump sets them: the text of equal values is then equal. */
const SETTINGS: Record<string, string> = {
  datestyle: 'ISO',
  intervalstyle: 'postgres',
  extra_float_digits: '3',
  synchronize_seqscans: 'off',
  row_security: 'off',
  statement_timeout: '0',
  timezone: 'UTC',
};

/**
 * Reads tables of a database by COPY, each once, in `jobs` sessions of psql (reading rows in C is several times as fast as in
 * here). It shares nothing with what makes backups but the sum itself. `settings` are those that the text of a backup was written with.
 */
export async function readCopies(
  client: Client,
  url: Secret,
  readings: Reading[],
  { jobs, settings = {} }: { jobs: number; settings?: Record<string, string> | undefined },
): Promise<void> {
  if (readings.length === 0) return;
  const facts = await askFacts(
    client,
    readings.map(({ name }) => name),
  );
  const known = await knownSettings(client, settings);
  const shares = shareOut(readings, (name) => facts.get(name)?.bytes ?? 0, jobs);
  await Promise.all(shares.map((share) => readShare(url, share, facts, { ...SETTINGS, ...known })));
}

type Facts = { columns: string; bytes: number };

/** Columns that COPY writes: what is generated is made again, perhaps by other functions. */
async function askFacts(client: Client, names: string[]): Promise<Map<string, Facts>> {
  const { rows } = await client.query<Facts & { name: string }>(
    `SELECT name, pg_relation_size(name::regclass)::float8 AS bytes,
            (SELECT coalesce('(' || string_agg(quote_ident(attname), ', ' ORDER BY attnum) || ')', '')
               FROM pg_attribute WHERE attrelid = name::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = '') AS columns
       FROM unnest($1::text[]) AS name`,
    [names],
  );
  return new Map(rows.map(({ name, ...facts }) => [name, facts]));
}

/** A locale that this server does not have cannot be asked of it; then what it writes is compared all the same. */
async function knownSettings(client: Client, wanted: Record<string, string>): Promise<Record<string, string>> {
  const known: Record<string, string> = {};
  for (const [name, value] of Object.entries(wanted))
    try {
      await client.query('SELECT set_config($1, $2, false)', [name, value]);
      known[name] = value;
    } catch (error) {
      if ((error as { code?: string }).code !== INVALID_PARAMETER) throw error;
    }
  return known;
}

const INVALID_PARAMETER = '22023';

/** The largest first, each to whom has least. */
function shareOut(readings: Reading[], bytesOf: (name: string) => number, jobs: number): Reading[][] {
  const shares = Array.from({ length: Math.max(1, Math.min(jobs, readings.length)) }, () => ({
    bytes: 0,
    readings: [] as Reading[],
  }));
  for (const reading of [...readings].sort((a, b) => bytesOf(b.name) - bytesOf(a.name))) {
    const least = shares.reduce((a, b) => (b.bytes < a.bytes ? b : a));
    least.readings.push(reading);
    least.bytes += bytesOf(reading.name) + 1;
  }
  return shares.map((share) => share.readings);
}

/** One psql, which says after each table a word that nobody can have known. */
async function readShare(
  url: Secret,
  readings: Reading[],
  facts: Map<string, Facts>,
  settings: Record<string, string>,
): Promise<void> {
  const word = `${randomUUID()}\n`;
  const script = [
    ...Object.entries(settings).map(([name, value]) => `SET ${name} = '${value.replaceAll("'", "''")}';`),
    ...readings.map(
      ({ name }) => `COPY ${name} ${facts.get(name)?.columns ?? ''} TO STDOUT;\n\\echo ${word.trimEnd()}`,
    ),
  ];
  const cut = new Cut(word, readings);
  const reading = await startReading('psql', url, ['-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f', '-'], {
    input: `${script.join('\n')}\n`,
    failed: (why) =>
      new OpsError({
        code: 'COMPARE_FAILED',
        message: `The copy cannot be read: ${why}.`,
        hint: 'Nothing was put in the place of anything. Mend the cause and run it again.',
      }),
  });
  try {
    await reading.read((piece) => {
      cut.add(piece);
      return undefined;
    });
  } finally {
    reading.kill();
  }
  cut.end();
}

/** Hands what comes between the words to one taker after the other. */
class Cut {
  readonly #word: Buffer;
  readonly #readings: Reading[];
  #at = 0;
  #rest: Buffer = Buffer.alloc(0);

  constructor(word: string, readings: Reading[]) {
    this.#word = Buffer.from(word);
    this.#readings = readings;
  }

  add(piece: Buffer): void {
    let bytes = Buffer.concat([this.#rest, piece]);
    for (let at = bytes.indexOf(this.#word); at >= 0; at = bytes.indexOf(this.#word)) {
      this.#give(bytes.subarray(0, at));
      bytes = bytes.subarray(at + this.#word.length);
      this.#at++;
    }
    // The word may have begun.
    const sure = Math.max(0, bytes.length - this.#word.length + 1);
    this.#give(bytes.subarray(0, sure));
    this.#rest = Buffer.from(bytes.subarray(sure));
  }

  #give(bytes: Buffer): void {
    if (bytes.length > 0) this.#readings[this.#at]?.taker.add(bytes);
  }

  end(): void {
    if (this.#at !== this.#readings.length || this.#rest.length > 0) throw new Error('psql ended within a table');
  }
}
