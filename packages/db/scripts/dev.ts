#!/usr/bin/env node
import { readdirSync } from 'node:fs';
import {
  command,
  defineReadTask,
  EXIT,
  environmentSettings,
  flag,
  hint,
  main,
  OpsError,
  refuseForeignDatabase,
  runForeground,
} from '@drydock/kit';
import { type Target, targetOf } from '../src/target.ts';

const task = defineReadTask({
  name: 'db:dev',
  summary: "Makes a new migration with `prisma migrate dev`, then tells the new file's hazards.",
  description:
    "Development only. Prisma's own CLI runs in this terminal, and may ask; then the new file is applied to an empty scratch database as\n" +
    'if every table had rows. Exit 3 if a hazard would be an error.',
  examples: ['npm run db:dev -- --name add_certificates', 'npm run db:dev -- --name later --create-only'],
  flags: {
    name: flag.text({ value: 'NAME', about: 'what the migration is called' }),
    createOnly: flag.boolean({ about: 'write the file and do not apply it' }),
  },
  async run({ config, environment, env, flags, json, out }) {
    if (environmentSettings(config, env).serves !== 'developers')
      throw new OpsError({
        code: 'DEVELOPMENT_ONLY',
        message: `db:dev makes migrations where developers work; ${env} gets them with db:deploy.`,
        hint: command('db:dry-run', { env }),
        exit: EXIT.refused,
      });
    if (!flags.name)
      throw new OpsError({
        code: 'USAGE',
        message: 'Say what it is called: --name NAME.',
        hint: command('db:dev', { help: true }),
        exit: EXIT.usage,
      });
    await refuseForeignDatabase(config, environment);
    const target = targetOf(config, environment);
    const folders = () => readdirSync(target.migrationsDir);
    const before = new Set(folders());
    const code = await runPrisma(
      config.root,
      environment.forChild('operator'),
      ['migrate', 'dev', '--name', flags.name, ...(flags.createOnly ? ['--create-only'] : [])],
      json ? process.stderr : process.stdout,
    );
    if (code !== 0) throw await whyNot(code, target);
    const made = folders().filter((name) => !before.has(name) && /^\d/.test(name));
    const { lintMigration } = await import('../src/rehearsal/lint.ts');
    const findings = (await Promise.all(made.map((name) => lintMigration(target, name)))).flat();
    for (const name of made) out.line(`new: ${name}`);
    return {
      verdict:
        made.length === 0
          ? 'No new migration: the schema has not changed.'
          : `${made.join(', ')} is made${findings.length === 0 ? ', and has no hazard' : ''}.`,
      data: { made },
      findings,
      ...(made[0] ? { next: command('db:down', { for: made[0] }) } : {}),
    };
  },
});

/** Prisma says what it found, and its exit code says little: what there is to do is asked of the same engine. */
async function whyNot(code: number, target: Target): Promise<OpsError> {
  const { whyReset } = await import('../src/drift/reset.ts');
  // What keeps it from answering has kept Prisma from it as well, and that is told above.
  const reason = await whyReset(target).catch(() => undefined);
  if (reason !== undefined)
    return new OpsError({
      code: 'DEV_DATABASE_DIFFERS',
      message: `Prisma makes no migration, for the database of ${target.env} is not what its migrations make: ${reason}`,
      hint: hint`See it as SQL: ${command('db:drift')}   To keep the rows, write what was done by hand into a migration of its own and record it: ${command('db:resolve', { applied: 'NAME' })}   Or throw them away: npx prisma migrate reset`,
      exit: EXIT.no,
    });
  return new OpsError({
    code: 'PRISMA_FAILED',
    message: `prisma migrate dev ended with exit code ${code}; what it said is above.`,
    hint: process.stdin.isTTY
      ? 'Mend the schema, or the database, and run it again.'
      : 'What it asks (may rows go?) nobody can answer here: run it in a terminal. Anything else it names: mend that, and run it again.',
  });
}

/** With this terminal: it asks. */
function runPrisma(cwd: string, env: NodeJS.ProcessEnv, args: string[], through: NodeJS.WriteStream): Promise<number> {
  const colours = through.isTTY && !process.env.NO_COLOR ? { FORCE_COLOR: '1' } : {};
  return runForeground('prisma', args, { cwd, env: { ...process.env, ...colours, ...env }, through }).catch((cause) => {
    throw new OpsError({
      code: 'PRISMA_MISSING',
      message: 'The command prisma is not to be found.',
      hint: hint`Run it through npm in a product that has prisma among its dependencies: ${command('db:dev')}`,
      cause,
    });
  });
}

export default task;
await main(task, import.meta);
