// Uses PostgreSQL: every statement of the corpus is rehearsed on a copy with rows, and every recipe that is printed for one in its place.

import { readFileSync } from 'node:fs';
import { startTestPostgres, type TestPostgres } from '@drydock/sandbox/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Hazard } from '../src/hazards/types.ts';
import { type Rehearsal, rehearse, type Target } from '../src/index.ts';
import { lint } from '../src/lint/lint.ts';
import { applyMigration } from '../src/migrations/apply.ts';
import { readMigrations } from '../src/migrations/folder.ts';
import { type Case, CONTENT, casesFor, LARGE, STRUCTURE } from './corpus/corpus.ts';
import { README, withTable } from './corpus/table.ts';
import { majorOf, makeTarget, query } from './world.ts';

const test = suite('hazards: the corpus');
let postgres: TestPostgres;
let target: Target;
let cases: Case[];
test.before(async () => {
  postgres = await startTestPostgres({ own: true });
  target = { ...makeTarget(await postgres.createDatabase(), { '0_base': STRUCTURE }), largeTableRows: LARGE };
  const [base] = readMigrations(target.migrationsDir);
  if (!base) throw new Error('the base');
  await applyMigration(target.url, base, target);
  await query(target.url.reveal(), `${CONTENT}; ANALYZE`);
  cases = casesFor(await majorOf(target.url.reveal()));
});
test.after(() => postgres.stop());

async function rehearseAll(files: Record<string, string>): Promise<Rehearsal> {
  // How long it takes on a loaded machine says nothing of a statement.
  const limits = { largeTableRows: LARGE, longMs: 600_000 };
  return rehearse({ ...makeTarget(target.url.reveal(), { '0_base': STRUCTURE, ...files }), ...limits });
}

const of = ({ findings }: Rehearsal, name: string) =>
  (findings as Hazard[]).filter(({ migration }) => migration === name || migration?.startsWith(`${name}_`));
const grave = (findings: Hazard[]) => findings.filter(({ level }) => level !== 'info');

let seen: Rehearsal;

/** In migrations of their own: a `--` line stands between two. */
function migrationsOf(name: string, recipe: string[]): [string, string][] {
  const files: string[][] = [[]];
  for (const line of recipe)
    if (line.startsWith('--')) files.push([]);
    else files.at(-1)?.push(line);
  return files.map((lines, i) => [`${name}_r${i}`, lines.join('\n')]);
}

/** What a recipe makes otherwise, for the better: wider keys, jsonb; an index below a foreign key, what DETACH CONCURRENTLY leaves, a view of the old name. */
const BETTER = [
  /^column public\.t\d+\.(id|d)$/,
  /^sequence public\.t\d+_id_seq$/,
  /^column public\.big\.a170$/,
  /^index public\.big_(c39|id_at)_idx$/,
  /^constraint public\.plain_1\.plain_1_at_check$/,
  /^(view|column) public\.loose_4\b/,
  // Of each partition of the other table, and PostgreSQL's own: that of the whole is valid.
  /^constraint public\.big\.big_id_at_fkey1?$/,
  /^(function|procedure) /,
];

test('no bad statement is silent, no good one is more than told', async () => {
  seen = await rehearseAll(Object.fromEntries(cases.map(({ name, sql }) => [name, sql])));
  const wrong: string[] = [];
  for (const one of cases) {
    const found = of(seen, one.name);
    const said = found.map(({ level, code }) => `${level} ${code}`);
    const allowed = new Set([one.finds?.code, ...one.besides]);
    if (one.finds && !said.includes(`${one.finds.level} ${one.finds.code}`))
      wrong.push(
        `${one.name} ${one.form} ${one.on}: wants ${one.finds.level} ${one.finds.code}, got ${said.join(', ')}\n    ${one.sql}`,
      );
    const others = grave(found).filter(({ code }) => !allowed.has(code));
    if (others.length > 0)
      wrong.push(
        `${one.name} ${one.form} ${one.on}: not wanted ${others.map(({ level, code, message }) => `${level} ${code} ${message}`).join(', ')}\n    ${one.sql}`,
      );
  }
  assert.equal(wrong, []);
});

test('every recipe that is printed runs, makes what was asked for, and has nothing left to be found', async () => {
  const files: [string, string][] = [];
  const recipes: string[] = [];
  for (const { name, sql } of cases) {
    const printed = of(seen, name).flatMap(({ recipe }) => recipe ?? []);
    if (printed.length > 0) recipes.push(name);
    files.push(...(printed.length > 0 ? migrationsOf(name, printed) : [[name, sql] as [string, string]]));
  }
  const again = await rehearseAll(Object.fromEntries(files));
  const wrong = again.findings.filter((one) => one.code.startsWith('MIGRATION_')).map(({ message }) => message);
  assert.equal(wrong, []);
  for (const name of recipes)
    for (const { code, message, migration } of grave(of(again, name)))
      wrong.push(`${code} ${message}\n    ${files.find(([file]) => file === migration)?.[1]}`);
  const [asked, made] = [seen, again].map(
    ({ promised }) => new Map(promised.map(([key, ...rest]) => [key, rest.join(' ')])),
  );
  for (const key of new Set([...(asked?.keys() ?? []), ...(made?.keys() ?? [])]))
    if (asked?.get(key) !== made?.get(key) && !BETTER.some((better) => better.test(key)))
      wrong.push(`${key}: ${asked?.get(key)} | ${made?.get(key)}`);
  assert.equal(wrong, []);
  assert.ok(recipes.length > 80);
});

test('by the text alone the same recipes are printed, as far as they are', async () => {
  const [{ version } = {}] = await query(
    target.url.reveal(),
    `SELECT current_setting('server_version_num')::int AS version`,
  );
  // Of a newer server a rehearsal knows a shorter way.
  if (version >= 180_000) return;
  const script = (name: string, sql: string) => ({ name, sql, file: `/m/${name}/migration.sql` });
  const all = [script('0_base', STRUCTURE), ...cases.map(({ name, sql }) => script(name, sql))];
  const looked = new Set(all.slice(1).map(({ file }) => file));
  const limits = { largeTableRows: LARGE, lockTimeoutMs: 2_000 };
  const { findings } = await lint(all, looked, { limits, hazards: {}, apart: true });
  const wrong: string[] = [];
  let same = 0;
  for (const { name, sql } of cases)
    for (const { code, recipe } of of({ findings } as Rehearsal, name)) {
      const proven = of(seen, name).find((one) => one.code === code && one.recipe)?.recipe;
      if (!recipe || !proven) continue;
      if (recipe.join('\n') === proven.join('\n')) same++;
      else wrong.push(`${name} ${code}: ${recipe.join(' ')}\n    proven: ${proven.join(' ')}\n    ${sql}`);
    }
  assert.equal(wrong, []);
  assert.ok(same > 60, `${same}`);
});

test('the table of the README is that of the corpus', () => {
  const readme = readFileSync(README, 'utf8');
  assert.is(withTable(readme), readme, 'node packages/db/test/corpus/table.ts');
});

test.run();
