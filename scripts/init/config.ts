import { inspect } from 'node:util';
import { locate } from '@drydock/db/schema';
import type { Answers } from './answers.ts';
import type { Found } from './look.ts';
import type { Variable } from './variables.ts';

/** A key of the config with what stands above it. */
interface Line {
  key: string;
  value: unknown;
  comment?: string;
}

/** A drydock.config.ts: what differs from the defaults and nothing else; whole, and by its keys. */
export interface NewConfig {
  sections: { key: string; text: string }[];
  text: string;
}

export function newConfig(found: Found, answers: Answers, typesFrom: string | undefined): NewConfig {
  const lines = [
    { key: 'product', value: answers.name },
    ...environmentLines(answers.environments),
    ...envDirLines(found),
    ...databaseLines(found),
    ...healthLines(found, answers),
    ...releaseLines(found, answers),
    ...variableLines(found),
  ];
  return {
    sections: lines
      .filter(({ key }) => !['product', 'environments'].includes(key))
      .map((line) => ({ key: line.key, text: textOf(line) })),
    text: `${HEAD}export default {\n${lines.map(textOf).join('')}}${typesFrom ? ` satisfies import('${typesFrom}').DrydockConfig` : ''};\n`,
  };
}

const HEAD = `// How this product is operated. Values that are secret, or differ per machine, stay in the .env files; what is not said
// here has the default of docs/CONFIG.md.
`;

function textOf({ key, value, comment }: Line): string {
  const code = inspect(value, {
    depth: null,
    breakLength: 110,
    compact: 2,
    maxArrayLength: null,
    maxStringLength: null,
  });
  return `${comment ? `  // ${comment}\n` : ''}  ${key}: ${code.replaceAll('\n', '\n  ')},\n`;
}

const RUNBOOK = 'development,staging,production';
const SERVES: [RegExp, string][] = [
  [/^(dev|local)/, 'developers'],
  [/^(stag|pre|test|ci|qa|uat|review|demo|sandbox)/, 'validation'],
];

/** Whom an environment serves by a name that the runbook does not have. */
export function servesOf(name: string): string | undefined {
  return RUNBOOK.split(',').includes(name) ? undefined : SERVES.find(([names]) => names.test(name))?.[1];
}

function environmentLines(names: string[]): Line[] {
  if (names.join() === RUNBOOK) return [];
  const value = Object.fromEntries(names.map((name) => [name, servesOf(name) ? { serves: servesOf(name) } : {}]));
  return [
    {
      key: 'environments',
      value,
      comment: 'In the order of promotion. Tasks work on the first where --env names none.',
    },
  ];
}

function envDirLines({ envDirs }: Found): Line[] {
  return envDirs.length > 1
    ? [{ key: 'envDirs', value: envDirs, comment: 'Folders with .env files; a later one wins.' }]
    : [];
}

/** The variable with the address that the product itself uses, and the one that leads past a pooler. */
export function databaseVariables({ prisma, variables }: Found): { app: string; operator: string } {
  const urls = variables.filter(({ kind }) => kind === 'postgres').map(({ name }) => name);
  const app =
    prisma.url ?? (urls.includes('DATABASE_URL') || urls.length === 0 ? 'DATABASE_URL' : (urls[0] ?? 'DATABASE_URL'));
  return {
    app,
    operator: prisma.directUrl ?? urls.find((name) => name === 'DIRECT_URL' && name !== app) ?? 'OPS_DATABASE_URL',
  };
}

function databaseLines(found: Found): Line[] {
  const { schema, migrations, seenIn } = found.prisma;
  const { folder } = found;
  // Where tasks look by themselves.
  const usual = locate(folder.root, { schema: undefined, migrations: undefined });
  const beside = locate(folder.root, { schema: folder.at(schema), migrations: undefined });
  const isUsual = folder.at(schema) === usual.schema;
  const { app, operator } = databaseVariables(found);
  const value = {
    ...(isUsual ? {} : { schema }),
    ...(folder.at(migrations) === (isUsual ? usual : beside).migrations ? {} : { migrations }),
    ...(app === 'DATABASE_URL' ? {} : { appUrl: app }),
    ...(operator === 'OPS_DATABASE_URL' ? {} : { url: operator }),
  };
  if (Object.keys(value).length === 0) return [];
  return [
    { key: 'database', value, comment: `As ${seenIn === 'its usual place' ? 'the Prisma schema' : seenIn} has it.` },
  ];
}

/** Of products that call it otherwise. */
export function redisVariable({ variables }: Found): Variable | undefined {
  const all = variables.filter(({ kind }) => kind === 'redis');
  return all.find(({ name }) => name === 'REDIS_URL') ?? all[0];
}

function healthLines(found: Found, { health }: Answers): Line[] {
  const redis = redisVariable(found);
  const value = {
    ...(health === undefined ? {} : { path: health, ...(asksForToken(found, health) ? {} : { token: null }) }),
    ...(redis === undefined || redis.name === 'REDIS_URL' ? {} : { redis: redis.name }),
  };
  if (Object.keys(value).length === 0) return [];
  const seen = found.health?.value === health ? found.health : undefined;
  return [{ key: 'health', value, ...(seen ? { comment: `Seen in ${seen.seenIn}.` } : {}) }];
}

/** The runbook's own endpoint is behind a token. */
function asksForToken({ variables }: Found, health: string): boolean {
  return /\/admin\//.test(health) && variables.some(({ name }) => name === 'ADMIN_TOKEN');
}

function releaseLines(found: Found, { release, health }: Answers): Line[] {
  const { start, build, git } = found;
  if (!release || !start) return [];
  // Where it leaves all of that to the commit, a release takes the health route by itself.
  const byItself = build === undefined && health !== undefined && !asksForToken(found, health);
  const app = {
    ...(start.isUsual ? {} : { command: start.value }),
    ...(health === undefined || health === '/readyz' || byItself ? {} : { readyPath: health }),
    ...portOf(found),
  };
  const value = {
    ...(git && !git.isUsual ? { baseBranch: git.baseBranch } : {}),
    ...(build ? { artifact: { include: ['.'], build: build.map((command) => ({ command })) } } : {}),
    ...(Object.keys(app).length > 0 ? { app } : {}),
  };
  const built = build ? 'Built from a commit' : 'Built from a commit by its lockfile';
  const started = start.isUsual ? 'started by npm start' : `started as ${start.seenIn} says`;
  return [{ key: 'release', value, comment: `${built}, ${started}, behind HAProxy.` }];
}

/** Where the product is told to listen by a name of its own. */
function portOf({ variables }: Found): { portVariable?: string } {
  const [own, ...others] = variables.filter(({ name }) => /^(HTTP|APP|API|WEB|SERVER|SERVICE|LISTEN)_PORT$/.test(name));
  return own && others.length === 0 ? { portVariable: own.name } : {};
}

/** What a name says that it opens something: declared, it is masked wherever it would be shown. */
function variableLines({ variables }: Found): Line[] {
  const secrets = variables.filter(({ secret, kind }) => secret && kind === 'text');
  if (secrets.length === 0) return [];
  const value = Object.fromEntries(
    secrets.map(({ name, about }) => [name, { secret: true, ...(about ? { about } : {}) }]),
  );
  return [{ key: 'variables', value, comment: 'Secret, by their names: masked wherever they would be shown.' }];
}
