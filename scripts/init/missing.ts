import { command, findTool, type Hint, hint, hintOn } from '@drydock/kit';
import type { Answers } from './answers.ts';
import { databaseVariables, servesOf } from './config.ts';
import type { Found } from './look.ts';

/** A finding that a plan can keep. */
export type Missing = { level: 'warn' | 'info'; code: string; message: string; hint?: Hint; recipe?: string[] };

/** What is not there yet, what it would bring, and the command or line to type for it. */
export function findMissing(found: Found, answers: Answers, tracked: readonly string[]): Missing[] {
  const { prisma, variables, start, problems, git } = found;
  const [first = 'development'] = answers.environments;
  const { app } = databaseVariables(found);
  const has = (name: string) => variables.some((one) => one.name === name && one.set);
  const url = variables.find(({ name }) => name === app);
  const operated = answers.environments.filter((env) => env !== 'development' && servesOf(env) !== 'developers');
  const last = operated.at(-1);
  return [
    ...problems.map((message) => warn('ENV_FILE', message)),
    ...tracked.map((file) =>
      warn(
        'ENV_FILE_TRACKED',
        `${file} has values and is in git, for everybody who has the repository.`,
        `Take it out, and change what is secret in it: git rm --cached ${file}`,
      ),
    ),
    ...(url?.manner === 'prisma'
      ? [
          warn(
            'DATABASE_BY_PROXY',
            `${app} leads to a proxy of Prisma's own, and Drydock wants the database itself.`,
            `Give ${databaseVariables(found).operator} its postgresql:// address.`,
          ),
        ]
      : []),
    ...(url?.manner === 'pooled' && !has(databaseVariables(found).operator)
      ? [
          warn(
            'DATABASE_BY_POOLER',
            `${app} leads to a pooler, which holds no locks: migrations and backups want the server's own address.`,
            `Set it in .env: ${databaseVariables(found).operator}='postgresql://…'`,
          ),
        ]
      : []),
    ...(url?.set
      ? []
      : [
          info(
            'DATABASE_URL',
            `No .env file has ${app}: with it every task of the database works.`,
            `Set it, for example in .env: ${app}='postgresql://user:password@localhost:5432/${answers.name}'`,
          ),
        ]),
    ...(prisma.migrationCount === 0
      ? [
          info(
            'MIGRATIONS',
            `${prisma.migrations} has no migrations: with them a deploy is rehearsed, applied and undone.`,
            'npx prisma migrate dev --name init',
          ),
        ]
      : []),
    ...(start?.migrates
      ? [
          warn(
            'START_MIGRATES',
            `${start.seenIn} migrates before it starts: released by Drydock, migrations are rehearsed and applied before a version starts, so that part is left out.`,
          ),
        ]
      : []),
    ...(last && url?.set && url.seenIn.includes('.env')
      ? [
          warn(
            'URL_SHARED',
            `${app} of .env leads every environment to one database, until each has its own.`,
            hint`cp .env.${last}.example .env.${last}.local, fill it in, then: ${command('doctor', { env: last })}`,
          ),
        ]
      : []),
    ...(!has('BACKUP_RECIPIENTS')
      ? [
          info(
            'BACKUPS',
            'BACKUP_RECIPIENTS is not set: with it backups are encrypted, proved, and taken before each deploy to customers.',
            hint`${command('backup:keygen')} makes the keys.`,
          ),
        ]
      : []),
    ...(answers.health === undefined
      ? [
          info(
            'HEALTH',
            'No route tells how the product is: with one it is watched, and a release waits until a version is well.',
            "Add one, then in drydock.config.ts: health: { path: '/healthz', token: null }",
          ),
        ]
      : []),
    ...(operated.length > 0 && !has('PUBLIC_URL') && (answers.health !== undefined || answers.release)
      ? [
          info(
            'PUBLIC_URL',
            `PUBLIC_URL is not set: with it ${operated.join(' and ')} can be asked how they are, and a release looks at what people get.`,
            `Set it in .env.${operated[0]}.local: PUBLIC_URL='https://…'`,
          ),
        ]
      : []),
    ...(answers.release && last
      ? [
          info(
            'PROXY',
            'PROXY_SOCKET and PROXY_STATE_FILE are not set: behind HAProxy a release, and the way back, cost no request.',
            hintOn(last, hint`${command('release:proxy')} writes its config.`),
          ),
        ]
      : []),
    ...(answers.release && !git
      ? [
          info(
            'GIT',
            'There is no git repository: a release is built from a commit.',
            'git init && git add . && git commit -m "begin"',
          ),
        ]
      : []),
    ...(findTool('pg_dump')
      ? []
      : [
          info(
            'PG_DUMP',
            'pg_dump is not on this machine: rehearsals and backups need it.',
            command('doctor', { env: first }),
          ),
        ]),
  ];
}

function info(code: string, message: string, next?: Hint): Missing {
  return { level: 'info', code, message, ...(next === undefined ? {} : { hint: next }) };
}

function warn(code: string, message: string, next?: Hint): Missing {
  return { ...info(code, message, next), level: 'warn' };
}
