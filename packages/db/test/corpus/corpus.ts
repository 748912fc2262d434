/**
 * Statements that are known to be bad or good for those who use a database meanwhile, each in the forms in which files have them,
 * on large and on small tables. The table of the README is made of it (table.ts), and a test holds the findings to it (corpus.test.ts).
 */
export type Form = 'plain' | 'BEGIN … COMMIT' | 'DO' | 'DO, guarded' | 'EXECUTE' | 'function' | 'procedure' | 'CTE';
export type On = 'large' | 'small' | 'empty' | 'partitioned' | 'partition' | 'new';
export type Level = 'error' | 'warn' | 'info';

export interface Case {
  /** Name of its migration: they are applied in this order. */
  name: string;
  /** What it does: a row of the table. */
  kind: string;
  form: Form;
  on: On;
  sql: string;
  /** What must be found, and how grave; of a good one nothing above info. */
  finds?: { code: string; level: Level };
  /** Other codes that may be there above info. */
  besides: string[];
}

/** What an older server does not read: there it is left out. */
const SINCE_15 = /\bMERGE INTO\b|NULLS NOT DISTINCT/;

/** Those that a server of this major version reads. */
export const casesFor = (major: number) => CORPUS.filter(({ sql }) => major >= 15 || !SINCE_15.test(sql));

/** Rows from which on a table counts as large here, so that the corpus is cheap. */
export const LARGE = 5_000;
const ROWS = { big: 6_000, few: 40 };
/** How many columns each has for cases to use up. */
const WIDTH = { big: 90, few: 30, none: 10, ev: 30 };

const columns = (table: keyof typeof WIDTH) => Array.from({ length: WIDTH[table] }, (_, i) => `c${i} INT`).join(', ');
const filled = (table: keyof typeof WIDTH, rows: number) =>
  `INSERT INTO ${table} SELECT n, n, n % 40 + 1${', n'.repeat(WIDTH[table])} FROM generate_series(1, ${rows}) n`;

/** Applied beforehand, and the rows in it. */
export const STRUCTURE = `
  CREATE TYPE mood AS ENUM ('good', 'bad');
  CREATE DOMAIN code AS TEXT;
  CREATE TABLE users (id BIGINT PRIMARY KEY, email TEXT NOT NULL, name VARCHAR(20), mood mood);
  CREATE TABLE big (id BIGINT PRIMARY KEY, at INT NOT NULL, user_id BIGINT, ${columns('big')});
  CREATE TABLE few (id BIGINT PRIMARY KEY, at INT NOT NULL, user_id BIGINT, ${columns('few')});
  CREATE TABLE none (id BIGINT PRIMARY KEY, at INT NOT NULL, user_id BIGINT, ${columns('none')});
  CREATE TABLE ev (id BIGINT NOT NULL, at INT NOT NULL, user_id BIGINT, ${columns('ev')}, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
  CREATE TABLE ev_1 PARTITION OF ev FOR VALUES FROM (0) TO (3001);
  CREATE TABLE ev_2 PARTITION OF ev FOR VALUES FROM (3001) TO (100000);
  CREATE TABLE log (id BIGINT NOT NULL, at INT NOT NULL) PARTITION BY RANGE (at);
  CREATE TABLE log_old PARTITION OF log FOR VALUES FROM (-100) TO (0);
  CREATE TABLE log_rest PARTITION OF log DEFAULT;
  CREATE TABLE plain_log (id BIGINT NOT NULL, at INT NOT NULL) PARTITION BY RANGE (at);
  ${[1, 2, 3, 4, 5, 6].map((n) => `CREATE TABLE plain_${n} PARTITION OF plain_log FOR VALUES FROM (${n}0000) TO (${n + 1}0000);`).join('\n  ')}
  ${[1, 2, 3, 4].map((n) => `CREATE TABLE loose_${n} (id BIGINT NOT NULL, at INT NOT NULL);`).join('\n  ')}
  ALTER TABLE loose_3 ADD CONSTRAINT fits CHECK (at >= 300000 AND at < 310000);
  CREATE TABLE loose_small (id BIGINT NOT NULL, at INT NOT NULL);
  CREATE TABLE wide (id BIGINT PRIMARY KEY, v VARCHAR(20), w NUMERIC(8, 2), d code, js JSON, n INT NOT NULL, u INT NOT NULL, x INT, CONSTRAINT wide_u UNIQUE (u));
  CREATE UNIQUE INDEX wide_n ON wide (n); CREATE UNIQUE INDEX wide_x ON wide (x); CREATE INDEX wide_v ON wide (v); CREATE INDEX wide_w ON wide (w); CREATE INDEX few_at ON few (at);
  CREATE TABLE keyless (n INT NOT NULL, x INT, m INT NOT NULL); CREATE UNIQUE INDEX keyless_n ON keyless (n);
  CREATE TABLE keyless2 (n INT, x INT); CREATE UNIQUE INDEX keyless2_n ON keyless2 (n);
  CREATE TABLE keyless3 (n INT);
  ${['big', 'few', 'none', 'ev'].map((table) => `CREATE INDEX ${table}_user ON ${table} (user_id);`).join(' ')}
  CREATE MATERIALIZED VIEW sums AS SELECT id, at FROM big; CREATE UNIQUE INDEX sums_id ON sums (id);
  CREATE TABLE copied (id BIGINT PRIMARY KEY, at INT);
  ${[1, 2, 3, 4, 5, 6, 7, 8, 9].map((n) => `CREATE TABLE gone_${n} (id BIGINT PRIMARY KEY, a INT, b INT);`).join('\n  ')}
  CREATE SCHEMA legacy; CREATE TABLE legacy.old (id BIGINT PRIMARY KEY);
  CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';`;
export const CONTENT = `
  INSERT INTO users SELECT n, 'u' || n, 'n', 'good' FROM generate_series(1, 40) n;
  ${filled('big', ROWS.big)}; ${filled('few', ROWS.few)}; ${filled('ev', ROWS.big)};
  INSERT INTO log SELECT n, n FROM generate_series(1, ${ROWS.big}) n;
  INSERT INTO plain_log SELECT n, 10000 + n FROM generate_series(1, ${ROWS.big}) n;
  ${[1, 2, 3, 4].map((n) => `INSERT INTO loose_${n} SELECT n, ${n}00000 + n FROM generate_series(1, ${ROWS.big}) n;`).join('\n  ')}
  INSERT INTO loose_small SELECT n, 900000 + n FROM generate_series(1, ${ROWS.few}) n;
  INSERT INTO wide SELECT n, 'v', n, 'd', '{}', n, n, n FROM generate_series(1, ${ROWS.big}) n;
  INSERT INTO keyless SELECT n, n, n FROM generate_series(1, ${ROWS.big}) n;
  INSERT INTO keyless2 SELECT n, n FROM generate_series(1, ${ROWS.big}) n;
  INSERT INTO keyless3 SELECT n FROM generate_series(1, ${ROWS.big}) n;
  INSERT INTO copied SELECT n, n FROM generate_series(1, ${ROWS.big}) n;
  INSERT INTO legacy.old SELECT n FROM generate_series(1, ${ROWS.big}) n;
  ${[1, 2, 3, 4, 5, 6, 7, 8, 9].map((n) => `INSERT INTO gone_${n} SELECT n, n, n FROM generate_series(1, ${ROWS.big}) n;`).join('\n  ')}
  REFRESH MATERIALIZED VIEW sums;`;

const TABLES: Record<On, string> = {
  large: 'big',
  small: 'few',
  empty: 'none',
  partitioned: 'ev',
  partition: 'ev_1',
  new: 'fresh',
};

const FORMS: Record<Form, (sql: string, n: number) => string> = {
  plain: (sql) => sql,
  'BEGIN … COMMIT': (sql) => `BEGIN;\n${sql}\nCOMMIT;`,
  DO: (sql) => `DO $$ BEGIN\n  ${sql}\nEND $$;`,
  'DO, guarded': (sql) => `DO $$ BEGIN\n  ${sql}\nEXCEPTION WHEN duplicate_object THEN NULL; END $$;`,
  EXECUTE: (sql) => `DO $$ BEGIN EXECUTE concat($q$${sql}$q$, ''); END $$;`,
  function: (sql, n) =>
    `CREATE FUNCTION f${n}() RETURNS void LANGUAGE plpgsql AS $$ BEGIN\n  ${sql}\nEND $$;\nSELECT f${n}();`,
  procedure: (sql, n) => `CREATE PROCEDURE p${n}() LANGUAGE plpgsql AS $$ BEGIN\n  ${sql}\nEND $$;\nCALL p${n}();`,
  CTE: (sql) => `WITH done AS (${sql.replace(/;$/, '')} RETURNING 1) SELECT count(*) FROM done;`,
};

interface Kind {
  kind: string;
  /** `{t}` the table, `{c}` a column of it that no other case uses, `{n}` the number of the case, `{u}` what a unique key must have. */
  sql: string;
  code?: string;
  besides?: string[];
  /** PostgreSQL allows it of the whole alone, not of one partition. */
  whole?: boolean;
}

const BLOCKS: [On, Form][] = [
  ['large', 'plain'],
  ['large', 'BEGIN … COMMIT'],
  ['large', 'DO'],
  ['large', 'function'],
  ['partitioned', 'plain'],
  ['partition', 'plain'],
  ['partition', 'DO'],
  ['small', 'plain'],
  ['small', 'DO'],
  ['empty', 'plain'],
];

/** Each in every form. */
const KINDS: Kind[] = [
  { kind: 'SET NOT NULL', sql: 'ALTER TABLE {t} ALTER COLUMN {c} SET NOT NULL;', code: 'NOT_NULL_VALIDATES' },
  { kind: 'CHECK', sql: 'ALTER TABLE {t} ADD CONSTRAINT k{n} CHECK ({c} > 0);', code: 'CONSTRAINT_VALIDATES' },
  {
    kind: 'foreign key',
    sql: 'ALTER TABLE {t} ADD CONSTRAINT k{n} FOREIGN KEY (user_id) REFERENCES users(id);',
    code: 'FOREIGN_KEY_VALIDATES',
  },
  { kind: 'UNIQUE', sql: 'ALTER TABLE {t} ADD CONSTRAINT k{n} UNIQUE ({u}, {c});', code: 'UNIQUE_BUILDS_INDEX' },
  { kind: 'CREATE INDEX', sql: 'CREATE INDEX i{n} ON {t}({c});', code: 'INDEX_NOT_CONCURRENT' },
  {
    kind: 'volatile default',
    whole: true,
    sql: 'ALTER TABLE {t} ADD COLUMN a{n} TEXT DEFAULT gen_random_uuid()::text;',
    code: 'VOLATILE_DEFAULT',
  },
  {
    kind: 'stored generated column',
    whole: true,
    sql: 'ALTER TABLE {t} ADD COLUMN a{n} BIGINT GENERATED ALWAYS AS (id * 2) STORED;',
    code: 'VOLATILE_DEFAULT',
  },
  { kind: 'new type', sql: 'ALTER TABLE {t} ALTER COLUMN {c} TYPE BIGINT;', code: 'TYPE_CHANGE', whole: true },
];

/** Of one form, on one table. */
const SINGLE: [Omit<Kind, 'kind'> & { kind: string; level?: Level }, On, Form][] = [];
const bad = (
  on: On,
  kind: string,
  code: string,
  sql: string,
  more: { level?: Level; form?: Form; besides?: string[] } = {},
) =>
  void SINGLE.push([
    { kind, sql, code, level: more.level ?? 'error', besides: more.besides ?? [] },
    on,
    more.form ?? 'plain',
  ]);
const good = (kind: string, sql: string, on: On = 'large', form: Form = 'plain') =>
  void SINGLE.push([{ kind, sql }, on, form]);

for (const form of ['plain', 'DO', 'function', 'procedure', 'CTE', 'BEGIN … COMMIT'] as const)
  bad('large', 'UPDATE of all rows', 'UNBOUNDED_CHANGE', 'UPDATE {t} SET {c} = {c} + 1;', { form });
bad('large', 'UPDATE of most rows', 'UNBOUNDED_CHANGE', 'UPDATE {t} SET {c} = 7 WHERE {c} > 5;');
bad('partitioned', 'UPDATE of all rows', 'UNBOUNDED_CHANGE', 'UPDATE {t} SET {c} = {c} + 1;');
bad('partitioned', 'UPDATE of most rows', 'UNBOUNDED_CHANGE', 'UPDATE {t} SET {c} = 7 WHERE {c} > 5;');
bad('partition', 'UPDATE of all rows', 'UNBOUNDED_CHANGE', 'UPDATE {t} SET {c} = 7;', { level: 'warn' });
good('UPDATE of all rows', 'UPDATE {t} SET {c} = 7;', 'small');
good('UPDATE of all rows', 'UPDATE {t} SET {c} = 7;', 'small', 'DO');
good('UPDATE of all rows', 'UPDATE {t} SET {c} = 7;', 'small', 'CTE');
good('UPDATE of a few rows', 'UPDATE {t} SET {c} = 7 WHERE id < 5;');
good('UPDATE of a few rows', 'UPDATE {t} SET {c} = 7 WHERE id < 5;', 'large', 'DO');
good('UPDATE of a few rows', 'UPDATE {t} SET {c} = 7 WHERE id < 5;', 'large', 'CTE');
good('UPDATE of a few rows', 'UPDATE {t} SET {c} = 7 WHERE id < 5;', 'partitioned');
bad(
  'large',
  'UPDATE of a column just added',
  'UNBOUNDED_CHANGE',
  'UPDATE {t} SET a{n} = gen_random_uuid()::text WHERE a{n} IS NULL;',
  { besides: ['LOCK_THEN_MORE'] },
);
bad('large', 'INSERT of many rows', 'UNBOUNDED_CHANGE', 'INSERT INTO copied SELECT id + 10000, at FROM {t};');
bad(
  'large',
  'MERGE',
  'UNBOUNDED_CHANGE',
  'MERGE INTO {t} USING users ON users.id = {t}.user_id WHEN MATCHED THEN UPDATE SET {c} = 1;',
);
bad('large', 'DELETE of most rows', 'UNBOUNDED_CHANGE', 'DELETE FROM gone_9 WHERE a > 5;', {
  besides: ['DESTROYS_ROWS'],
});

for (const form of ['EXECUTE'] as const) {
  bad('large', 'SET NOT NULL', 'TABLE_BLOCKED', 'ALTER TABLE {t} ALTER COLUMN {c} SET NOT NULL', { form });
  bad('large', 'CHECK', 'TABLE_BLOCKED', 'ALTER TABLE {t} ADD CONSTRAINT k{n} CHECK ({c} > 0)', { form });
  bad(
    'large',
    'foreign key',
    'TABLE_BLOCKED',
    'ALTER TABLE {t} ADD CONSTRAINT k{n} FOREIGN KEY (user_id) REFERENCES users(id)',
    { form },
  );
  bad('large', 'CREATE INDEX', 'TABLE_BLOCKED', 'CREATE INDEX i{n} ON {t}({c})', { form });
  bad('large', 'new type', 'REWRITES_TABLE', 'ALTER TABLE {t} ALTER COLUMN {c} TYPE BIGINT', { form });
  bad('large', 'UPDATE of all rows', 'UNBOUNDED_CHANGE', 'UPDATE {t} SET {c} = 7', { form });
  good('new column', 'ALTER TABLE {t} ADD COLUMN a{n} INT', 'large', form);
  good('SET NOT NULL', 'ALTER TABLE {t} ALTER COLUMN {c} SET NOT NULL', 'small', form);
}
bad(
  'large',
  'foreign key',
  'FOREIGN_KEY_VALIDATES',
  'ALTER TABLE {t} ADD CONSTRAINT k{n} FOREIGN KEY (user_id) REFERENCES users(id);',
  { form: 'DO, guarded' },
);
bad('large', 'CHECK', 'CONSTRAINT_VALIDATES', 'ALTER TABLE {t} ADD CONSTRAINT k{n} CHECK ({c} > 0);', {
  form: 'DO, guarded',
});
bad('large', 'SET NOT NULL', 'NOT_NULL_VALIDATES', 'ALTER TABLE {t} ALTER COLUMN {c} SET NOT NULL;', {
  form: 'procedure',
});
bad(
  'large',
  'SET NOT NULL and a column, in one statement',
  'NOT_NULL_VALIDATES',
  'ALTER TABLE {t} ADD COLUMN a{n} INT, ALTER COLUMN {c} SET NOT NULL;',
);
bad(
  'large',
  'foreign key without an index',
  'FOREIGN_KEY_VALIDATES',
  'ALTER TABLE {t} ADD CONSTRAINT k{n} FOREIGN KEY ({c}) REFERENCES big(id);',
  { besides: ['FOREIGN_KEY_UNINDEXED'] },
);
bad(
  'small',
  'foreign key to a large table',
  'FOREIGN_KEY_VALIDATES',
  'ALTER TABLE {t} ADD CONSTRAINT k{n} FOREIGN KEY (user_id) REFERENCES big(id);',
  { level: 'info' },
);
bad(
  'partitioned',
  'foreign key to a partitioned table',
  'FOREIGN_KEY_VALIDATES',
  'ALTER TABLE big ADD CONSTRAINT k{n} FOREIGN KEY (id, at) REFERENCES ev(id, at);',
);
bad('large', 'CHECK with a column', 'CONSTRAINT_VALIDATES', 'ALTER TABLE {t} ADD COLUMN a{n} INT CHECK (a{n} > 0);');
bad('large', 'UNIQUE with a column', 'UNIQUE_BUILDS_INDEX', 'ALTER TABLE {t} ADD COLUMN a{n} INT UNIQUE;');
bad(
  'large',
  'UNIQUE NULLS NOT DISTINCT',
  'UNIQUE_BUILDS_INDEX',
  'ALTER TABLE {t} ADD CONSTRAINT k{n} UNIQUE NULLS NOT DISTINCT ({c});',
);
bad(
  'large',
  'UNIQUE with INCLUDE',
  'UNIQUE_BUILDS_INDEX',
  'ALTER TABLE {t} ADD CONSTRAINT k{n} UNIQUE ({c}) INCLUDE (at);',
);
bad(
  'large',
  'UNIQUE, deferrable',
  'UNIQUE_BUILDS_INDEX',
  'ALTER TABLE {t} ADD CONSTRAINT k{n} UNIQUE ({c}) DEFERRABLE INITIALLY DEFERRED;',
);
bad('large', 'UNIQUE without a name', 'UNIQUE_BUILDS_INDEX', 'ALTER TABLE {t} ADD UNIQUE ({c});');
bad('large', 'PRIMARY KEY', 'UNIQUE_BUILDS_INDEX', 'ALTER TABLE keyless ADD CONSTRAINT keyless_pkey PRIMARY KEY (m);');
bad('large', 'PRIMARY KEY of a nullable column', 'UNIQUE_BUILDS_INDEX', 'ALTER TABLE keyless3 ADD PRIMARY KEY (n);');
bad(
  'large',
  'PRIMARY KEY USING INDEX, nullable',
  'NOT_NULL_VALIDATES',
  'ALTER TABLE keyless2 ADD CONSTRAINT keyless2_pkey PRIMARY KEY USING INDEX keyless2_n;',
);
bad('large', 'EXCLUDE', 'UNIQUE_BUILDS_INDEX', 'ALTER TABLE {t} ADD CONSTRAINT k{n} EXCLUDE USING btree ({c} WITH =);');
bad(
  'large',
  'unique expression index',
  'INDEX_NOT_CONCURRENT',
  'CREATE UNIQUE INDEX i{n} ON {t}(id, ({c}::text)) WHERE {c} > 3;',
);
bad('large', 'CREATE INDEX without a name', 'INDEX_NOT_CONCURRENT', 'CREATE INDEX ON {t}({c});');
bad('large', 'DROP INDEX', 'INDEX_NOT_CONCURRENT', 'DROP INDEX wide_v;', { level: 'warn' });
good('DROP INDEX', 'DROP INDEX few_at;', 'small');
bad('large', 'REINDEX', 'INDEX_NOT_CONCURRENT', 'REINDEX TABLE {t};');
bad('large', 'REINDEX', 'INDEX_NOT_CONCURRENT', 'REINDEX INDEX wide_n;');
bad('large', 'VACUUM FULL', 'REWRITES_TABLE', 'VACUUM FULL loose_4;');
bad('large', 'CLUSTER', 'REWRITES_TABLE', 'CLUSTER wide USING wide_n;');
bad('large', 'SET UNLOGGED', 'REWRITES_TABLE', 'ALTER TABLE wide SET UNLOGGED;');
bad(
  'large',
  'identity column',
  'VOLATILE_DEFAULT',
  'ALTER TABLE {t} ADD COLUMN a{n} BIGINT GENERATED BY DEFAULT AS IDENTITY;',
);
bad('large', 'serial column', 'VOLATILE_DEFAULT', 'ALTER TABLE {t} ADD COLUMN a{n} BIGSERIAL;');
bad(
  'large',
  'required volatile default',
  'VOLATILE_DEFAULT',
  'ALTER TABLE {t} ADD COLUMN a{n} UUID NOT NULL DEFAULT gen_random_uuid();',
);
bad('large', 'new type with USING', 'TYPE_CHANGE', 'ALTER TABLE {t} ALTER COLUMN {c} TYPE TEXT USING ({c} * 2)::text;');
bad('large', 'new type of an indexed column', 'TYPE_CHANGE', 'ALTER TABLE wide ALTER COLUMN n TYPE BIGINT;');
bad(
  'large',
  'ATTACH PARTITION',
  'CONSTRAINT_VALIDATES',
  'ALTER TABLE plain_log ATTACH PARTITION loose_1 FOR VALUES FROM (100000) TO (110000);',
);
bad(
  'large',
  'ATTACH PARTITION',
  'CONSTRAINT_VALIDATES',
  'ALTER TABLE plain_log ATTACH PARTITION loose_2 FOR VALUES FROM (200000) TO (210000);',
  { form: 'DO' },
);
good(
  'ATTACH PARTITION with a CHECK',
  'ALTER TABLE plain_log ATTACH PARTITION loose_3 FOR VALUES FROM (300000) TO (310000);',
);
good(
  'ATTACH PARTITION',
  'ALTER TABLE plain_log ATTACH PARTITION loose_small FOR VALUES FROM (900000) TO (910000);',
  'small',
);
bad(
  'large',
  'partition beside a DEFAULT',
  'CONSTRAINT_VALIDATES',
  'CREATE TABLE log_{n} PARTITION OF log FOR VALUES FROM (500000) TO (600000);',
);
good('partition', 'CREATE TABLE plain_n{n} PARTITION OF plain_log FOR VALUES FROM (700000) TO (800000);');
bad('large', 'DETACH PARTITION', 'PARTITION_DETACHED', 'ALTER TABLE plain_log DETACH PARTITION plain_1;', {
  level: 'warn',
});
good('DETACH PARTITION CONCURRENTLY', 'ALTER TABLE plain_log DETACH PARTITION plain_2 CONCURRENTLY;');
bad('large', 'CHECK of a domain', 'TABLE_BLOCKED', "ALTER DOMAIN code ADD CONSTRAINT k{n} CHECK (VALUE <> '');");
bad(
  'large',
  'LOCK, then an UPDATE',
  'LOCK_THEN_MORE',
  'LOCK TABLE big IN SHARE MODE; UPDATE ev SET {c} = 1 WHERE id < 1500;',
  { level: 'warn', besides: ['UNBOUNDED_CHANGE'] },
);
bad(
  'large',
  'a column, then an UPDATE',
  'LOCK_THEN_MORE',
  'ALTER TABLE {t} ADD COLUMN a{n} INT; UPDATE ev SET {c} = 1 WHERE id < 1500;',
  { level: 'warn', besides: ['UNBOUNDED_CHANGE'] },
);
bad(
  'large',
  'a column, then an UPDATE',
  'LOCK_THEN_MORE',
  'ALTER TABLE {t} ADD COLUMN a{n} INT; UPDATE ev SET {c} = 1 WHERE id < 1500;',
  { level: 'warn', form: 'BEGIN … COMMIT', besides: ['UNBOUNDED_CHANGE'] },
);
bad(
  'large',
  'a column, then an UPDATE',
  'TABLE_BLOCKED',
  'ALTER TABLE {t} ADD COLUMN a{n} INT; UPDATE ev SET {c} = 1 WHERE id < 1500;',
  { level: 'warn', form: 'DO', besides: ['UNBOUNDED_CHANGE'] },
);
bad(
  'large',
  'NOT VALID and VALIDATE in one transaction',
  'LOCK_THEN_MORE',
  'ALTER TABLE {t} ADD CONSTRAINT k{n} CHECK ({c} > 0) NOT VALID; ALTER TABLE {t} VALIDATE CONSTRAINT k{n};',
  { level: 'warn' },
);
bad(
  'large',
  'NOT VALID and VALIDATE in one transaction',
  'LOCK_THEN_MORE',
  'ALTER TABLE {t} ADD CONSTRAINT k{n} CHECK ({c} > 0) NOT VALID; ALTER TABLE {t} VALIDATE CONSTRAINT k{n};',
  { level: 'warn', form: 'BEGIN … COMMIT' },
);
bad(
  'large',
  'two tables',
  'TWO_TABLES_LOCKED',
  'ALTER TABLE {t} ADD COLUMN a{n} INT; ALTER TABLE wide ADD COLUMN a{n} INT;',
  { level: 'warn' },
);
bad(
  'large',
  'two tables',
  'TWO_TABLES_LOCKED',
  'ALTER TABLE {t} ADD COLUMN a{n} INT; ALTER TABLE wide ADD COLUMN a{n} INT;',
  { level: 'warn', form: 'DO' },
);
good('a column, then an UPDATE', 'ALTER TABLE {t} ADD COLUMN a{n} INT; UPDATE {t} SET {c} = 1 WHERE id < 5;', 'small');
bad('large', 'TRUNCATE', 'DESTROYS_ROWS', 'TRUNCATE gone_1;');
bad('large', 'TRUNCATE', 'DESTROYS_ROWS', 'TRUNCATE gone_2;', { form: 'DO' });
bad('large', 'DROP TABLE', 'DESTROYS_ROWS', 'DROP TABLE gone_3;', { besides: ['DROPS_USED'] });
bad('large', 'DROP TABLE', 'DESTROYS_ROWS', 'DROP TABLE gone_4;', { form: 'DO', besides: ['DROPS_USED'] });
bad('large', 'DROP COLUMN', 'DESTROYS_ROWS', 'ALTER TABLE gone_5 DROP COLUMN a;', { besides: ['DROPS_USED'] });
bad('large', 'DROP COLUMN', 'DESTROYS_ROWS', 'ALTER TABLE gone_6 DROP COLUMN a;', {
  form: 'function',
  besides: ['DROPS_USED'],
});
bad('large', 'DELETE of all rows', 'DESTROYS_ROWS', 'DELETE FROM gone_7;', {
  form: 'DO',
  besides: ['UNBOUNDED_CHANGE'],
});
bad('large', 'DROP SCHEMA', 'DESTROYS_ROWS', 'DROP SCHEMA legacy CASCADE;', { besides: ['DROPS_USED'] });
bad('large', 'DROP COLUMN', 'DROPS_USED', 'ALTER TABLE gone_8 DROP COLUMN a;', { besides: ['DESTROYS_ROWS'] });
bad(
  'large',
  'DROP COLUMN whose values were copied',
  'DROPS_USED',
  'UPDATE copied SET at = b FROM gone_9 WHERE gone_9.id = copied.id; ALTER TABLE gone_9 DROP COLUMN b;',
  { besides: ['LOCK_THEN_MORE', 'UNBOUNDED_CHANGE'] },
);
bad('small', 'rename of a column', 'RENAMES_USED', 'ALTER TABLE users RENAME COLUMN name TO full_name;');
bad('large', 'rename of a table', 'RENAMES_USED', 'ALTER TABLE loose_4 RENAME TO looser;');
good('rename of an index', 'ALTER INDEX wide_w RENAME TO wider_w;');
bad('large', 'DROP of a key that is upserted on', 'DROPS_USED', 'ALTER TABLE wide DROP CONSTRAINT wide_u;');
bad('new', 'key of 32 bits', 'INTEGER_KEY', 'CREATE TABLE t{n} (id SERIAL PRIMARY KEY);', { level: 'warn' });
bad('new', 'key of 32 bits', 'INTEGER_KEY', 'CREATE TABLE t{n} (id INT GENERATED ALWAYS AS IDENTITY PRIMARY KEY);', {
  level: 'warn',
});
bad('new', 'json', 'JSON_COLUMN', 'CREATE TABLE t{n} (id BIGINT PRIMARY KEY, d JSON);', { level: 'warn' });
bad('large', 'json', 'JSON_COLUMN', 'ALTER TABLE {t} ADD COLUMN a{n} JSON;', { level: 'warn' });
bad('large', 'IF NOT EXISTS of another thing', 'SKIPPED_IN_SILENCE', 'CREATE INDEX IF NOT EXISTS big_user ON {t}(at);');
bad(
  'large',
  'IF NOT EXISTS of another thing',
  'SKIPPED_IN_SILENCE',
  'CREATE INDEX CONCURRENTLY IF NOT EXISTS big_user ON {t}(at);',
);
bad(
  'large',
  'IF NOT EXISTS of another thing',
  'SKIPPED_IN_SILENCE',
  'CREATE INDEX IF NOT EXISTS big_user ON {t}(at);',
  { form: 'DO' },
);
bad(
  'large',
  'IF NOT EXISTS of another thing',
  'SKIPPED_IN_SILENCE',
  'ALTER TABLE {t} ADD COLUMN IF NOT EXISTS at TEXT;',
  { form: 'DO' },
);
good('IF NOT EXISTS of the same thing', 'CREATE INDEX IF NOT EXISTS big_user ON {t}(user_id);');
good('IF NOT EXISTS of the same thing', 'ALTER TABLE {t} ADD COLUMN IF NOT EXISTS at INT NOT NULL;', 'large', 'DO');
bad('large', 'a name of more than 63 bytes', 'NAME_CUT', `ALTER TABLE {t} ADD COLUMN "a{n}_${'x'.repeat(70)}" INT;`, {
  level: 'warn',
});
bad('new', 'a name of more than 63 bytes', 'NAME_CUT', `CREATE TABLE t{n}_${'y'.repeat(70)} (id BIGINT PRIMARY KEY);`, {
  level: 'warn',
});
bad('large', 'a name of more than 63 bytes', 'NAME_CUT', `ALTER TABLE {t} ADD COLUMN a{n}_${'x'.repeat(70)} INT;`, {
  level: 'warn',
  form: 'DO',
});
bad(
  'large',
  'lock_timeout raised',
  'LOCK_TIMEOUT_RAISED',
  "SET lock_timeout = '1min'; ALTER TABLE {t} ADD COLUMN a{n} INT;",
  { level: 'warn' },
);
bad(
  'large',
  'CONCURRENTLY beside others',
  'CONCURRENTLY_NOT_ALONE',
  'ALTER TABLE {t} ADD COLUMN a{n} INT; CREATE INDEX CONCURRENTLY i{n} ON {t}(a{n});',
  { level: 'warn' },
);
bad('large', 'REFRESH MATERIALIZED VIEW', 'REWRITES_TABLE', 'REFRESH MATERIALIZED VIEW sums;');
good('REFRESH MATERIALIZED VIEW CONCURRENTLY', 'REFRESH MATERIALIZED VIEW CONCURRENTLY sums;');

good('new column', 'ALTER TABLE {t} ADD COLUMN a{n} INT;');
good('new column', 'ALTER TABLE {t} ADD COLUMN a{n} INT;', 'large', 'DO');
good('new column', 'ALTER TABLE {t} ADD COLUMN a{n} INT;', 'large', 'function');
good('new column', 'ALTER TABLE {t} ADD COLUMN a{n} INT;', 'large', 'BEGIN … COMMIT');
good('new column', 'ALTER TABLE {t} ADD COLUMN a{n} INT;', 'partitioned');
good('new column with a constant', "ALTER TABLE {t} ADD COLUMN a{n} TEXT NOT NULL DEFAULT 'x';");
good('new column with now()', 'ALTER TABLE {t} ADD COLUMN a{n} TIMESTAMPTZ NOT NULL DEFAULT now();');
good(
  'new column with a constant',
  'ALTER TABLE {t} ADD COLUMN a{n} TEXT[] NOT NULL DEFAULT ARRAY[]::TEXT[];',
  'partitioned',
);
good('new column with its foreign key', 'ALTER TABLE {t} ADD COLUMN a{n} BIGINT REFERENCES users(id);', 'small');
good('SET NOT NULL of what is NOT NULL', 'ALTER TABLE {t} ALTER COLUMN at SET NOT NULL;');
good('SET NOT NULL of what is NOT NULL', 'ALTER TABLE {t} ALTER COLUMN at SET NOT NULL;', 'large', 'DO');
good('DROP NOT NULL', 'ALTER TABLE {t} ALTER COLUMN at DROP NOT NULL; ALTER TABLE {t} ALTER COLUMN {c} SET DEFAULT 3;');
good('CHECK NOT VALID, validated later', 'ALTER TABLE {t} ADD CONSTRAINT later CHECK (at > 0) NOT VALID;');
good('CHECK NOT VALID, validated later', 'ALTER TABLE {t} VALIDATE CONSTRAINT later;');
good('DROP CONSTRAINT of a CHECK', 'ALTER TABLE {t} DROP CONSTRAINT later;');
good('PRIMARY KEY USING INDEX', 'ALTER TABLE keyless ADD CONSTRAINT keyless_n UNIQUE USING INDEX keyless_n;');
good(
  'new table with its keys',
  'CREATE TABLE t{n} (id BIGSERIAL PRIMARY KEY, big_id BIGINT NOT NULL REFERENCES big(id)); CREATE INDEX t{n}_big ON t{n}(big_id); INSERT INTO t{n}(big_id) VALUES (1);',
  'new',
);
good(
  'new table with its keys',
  'CREATE TABLE t{n} (id BIGINT PRIMARY KEY, u BIGINT); CREATE INDEX t{n}_u ON t{n}(u); ALTER TABLE t{n} ADD CONSTRAINT t{n}_fk FOREIGN KEY (u) REFERENCES users(id) ON DELETE CASCADE;',
  'new',
);
good(
  'new table of rows that are there',
  'CREATE TABLE t{n} AS SELECT id, at FROM big; CREATE INDEX t{n}_at ON t{n}(at); ALTER TABLE t{n} ALTER COLUMN at SET NOT NULL;',
  'new',
);
good('CREATE INDEX CONCURRENTLY', 'CREATE INDEX CONCURRENTLY i{n} ON {t}({c});');
good('CREATE INDEX CONCURRENTLY', 'CREATE UNIQUE INDEX CONCURRENTLY i{n} ON {t}({c});');
good('DROP INDEX CONCURRENTLY', 'DROP INDEX CONCURRENTLY wider_w;');
good('REINDEX CONCURRENTLY', 'REINDEX INDEX CONCURRENTLY big_user;');
good('wider VARCHAR', 'ALTER TABLE wide ALTER COLUMN v TYPE VARCHAR(40);');
good('VARCHAR to TEXT', 'ALTER TABLE wide ALTER COLUMN v TYPE TEXT;');
good('wider NUMERIC', 'ALTER TABLE wide ALTER COLUMN w TYPE NUMERIC(12, 2);');
good('value of an enum', "ALTER TYPE mood ADD VALUE 'fine';");
good(
  'view, function, comment',
  "CREATE VIEW v{n} AS SELECT id FROM big; COMMENT ON TABLE big IS 'x'; CREATE FUNCTION g{n}() RETURNS int LANGUAGE sql AS 'SELECT 1';",
);
good('trigger', 'CREATE TRIGGER g{n} BEFORE UPDATE ON {t} FOR EACH ROW EXECUTE FUNCTION touch();');
good(
  'statistics, storage parameters',
  'ALTER TABLE {t} ALTER COLUMN {c} SET STATISTICS 500; ALTER TABLE {t} SET (fillfactor = 90); CREATE STATISTICS s{n} ON at, {c} FROM {t};',
);
good(
  'row level security',
  'ALTER TABLE {t} ENABLE ROW LEVEL SECURITY; CREATE POLICY p{n} ON {t} USING (true); ALTER TABLE {t} DISABLE ROW LEVEL SECURITY;',
);
good('ANALYZE', 'ANALYZE {t};');
good(
  'a column where one looks first',
  'IF NOT EXISTS (SELECT FROM users WHERE id = -1) THEN ALTER TABLE {t} ADD COLUMN a{n} INT; END IF;',
  'large',
  'DO',
);
good('a guarded column', 'ALTER TABLE {t} ADD COLUMN a{n} INT;', 'large', 'DO, guarded');
good('two small tables', 'ALTER TABLE {t} ADD COLUMN a{n} INT; ALTER TABLE users ADD COLUMN a{n} INT;', 'small');
good(
  'a branch that is not taken',
  'IF false THEN ALTER TABLE {t} ALTER COLUMN {c} SET NOT NULL; END IF;',
  'large',
  'DO',
);

const used: Record<string, number> = {};
/** A column that no other case has. */
function freshColumn(table: string): string {
  const of = table.startsWith('ev') ? 'ev' : table;
  const next = used[of] ?? 0;
  if (next >= WIDTH[of as keyof typeof WIDTH]) throw new Error(`${of} has no column left`);
  used[of] = next + 1;
  return `c${next}`;
}

function makeCase({ kind, sql, code, besides = [] }: Kind, on: On, form: Form, level: Level, n: number): Case {
  const table = TABLES[on];
  const c = sql.includes('{c}') ? freshColumn(/(ev)\b[^;]*\{c\}/.test(sql) ? 'ev' : table) : '';
  const text = sql
    .replaceAll('{t}', table)
    .replaceAll('{c}', c)
    .replaceAll('{n}', String(n))
    .replaceAll('{u}', table.startsWith('ev') ? 'id, at' : 'id');
  const prepared = kind === 'UPDATE of a column just added' ? `ALTER TABLE ${table} ADD COLUMN a${n} TEXT;\n` : '';
  return {
    name: `${String(n).padStart(4, '0')}_${kind.replaceAll(/\W+/g, '_').toLowerCase()}`,
    kind,
    form,
    on,
    sql: prepared + FORMS[form](text, n),
    ...(code ? { finds: { code, level } } : {}),
    besides,
  };
}

/** On a large table it is an error, on a partition of half the size a warning or more, on a small one it is told, on an empty one it is none. */
const LEVELS: Record<On, Level> = {
  large: 'error',
  partitioned: 'error',
  partition: 'warn',
  small: 'info',
  empty: 'info',
  new: 'info',
};

let number = 0;
export const CORPUS: Case[] = [
  ...KINDS.flatMap((kind) =>
    BLOCKS.filter(([on]) => !kind.whole || on !== 'partition').map(([on, form]) => {
      const { code: _, ...harmless } = kind;
      return makeCase(on === 'empty' ? harmless : kind, on, form, LEVELS[on], ++number);
    }),
  ),
  ...SINGLE.map(([kind, on, form]) => makeCase(kind, on, form, kind.level ?? 'error', ++number)),
];
