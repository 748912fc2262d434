import { type OpsError, usageError } from '../errors.ts';

/** Databases that are none of ours, by the scheme of an address or by Prisma's name of a provider. */
const OTHERS: Record<string, string> = {
  mysql: 'MySQL',
  mariadb: 'MariaDB',
  sqlserver: 'SQL Server',
  mongodb: 'MongoDB',
  'mongodb+srv': 'MongoDB',
  file: 'SQLite',
  sqlite: 'SQLite',
  libsql: 'SQLite',
  cockroachdb: 'CockroachDB',
};
/** Prisma's own services in front of a PostgreSQL that has an address of its own. */
const PROXIES: Record<string, string> = {
  prisma: 'Prisma Accelerate',
  'prisma+postgres': 'Prisma Postgres',
};

/**
 * One sentence, the same wherever it is met, of a database that Drydock does not serve (DATABASE_UNSERVED, exit 2). `what` is an address or a
 * provider's name, `where` what holds it. Undefined of everything else: whether that is well-formed is another question.
 */
export function unserved(what: string, where: string): OpsError | undefined {
  const [, scheme = ''] = /^\s*([a-z][a-z0-9+]*)(?::|$)/i.exec(what) ?? [];
  const other = OTHERS[scheme.toLowerCase()];
  if (other)
    return usageError(
      'DATABASE_UNSERVED',
      `${where} is of ${other}; Drydock operates products on PostgreSQL, 14 or later, and no others.`,
      'If the product has a PostgreSQL as well, name the variable with its address in database.url, and its schema in database.schema.',
    );
  const proxy = PROXIES[scheme.toLowerCase()];
  if (!proxy) return undefined;
  return usageError(
    'DATABASE_UNSERVED',
    `${where} is an address of ${proxy} (${scheme}://), which passes on queries alone; Drydock needs the PostgreSQL behind it.`,
    "Set OPS_DATABASE_URL (database.url) to the direct one, postgresql://… (a product that has it in DIRECT_URL says database.url: 'DIRECT_URL'); Prisma's console shows it, `npx prisma dev ls` for a local one.",
  );
}
