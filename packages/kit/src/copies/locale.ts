import type { Client } from 'pg';

interface Row {
  encoding: string;
  collate: string;
  ctype: string;
  provider: string | null;
  locale: string | null;
  rules: string | null;
}

const PROVIDERS: Record<string, [name: string, option: string]> = {
  c: ['libc', ''],
  i: ['icu', 'ICU_LOCALE'],
  b: ['builtin', 'BUILTIN_LOCALE'],
};

/**
 * Encoding, provider and locale of a database, as CREATE DATABASE takes them: what is not said is the server's default, which may
 * sort otherwise. Empty where there is no such database.
 */
export async function localeOf(client: Client, database: string): Promise<string> {
  // Columns that came with 15 (provider, ICU), 16 (rules) and 17 (another name for the locale).
  const { rows } = await client.query<Row>(
    `SELECT pg_encoding_to_char(encoding) AS encoding, datcollate AS collate, datctype AS ctype, to_jsonb(d) ->> 'datlocprovider' AS provider,
            coalesce(to_jsonb(d) ->> 'datlocale', to_jsonb(d) ->> 'daticulocale') AS locale, to_jsonb(d) ->> 'daticurules' AS rules
       FROM pg_database d WHERE datname = $1`,
    [database],
  );
  const [row] = rows;
  if (!row) return '';
  const [provider, option] = PROVIDERS[row.provider ?? ''] ?? [];
  const options: [string | undefined, string | null | undefined][] = [
    ['ENCODING', row.encoding],
    ['LOCALE_PROVIDER', provider],
    ['LC_COLLATE', row.collate],
    ['LC_CTYPE', row.ctype],
    [option, row.locale],
    ['ICU_RULES', row.rules],
  ];
  return options
    .flatMap(([name, value]) => (name && value ? [` ${name} ${client.escapeLiteral(value)}`] : []))
    .join('');
}
