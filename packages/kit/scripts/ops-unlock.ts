#!/usr/bin/env node
import { rmSync } from 'node:fs';
import { operatorUrl } from '../src/env/operator-url.ts';
import { OpsError, usageError } from '../src/errors.ts';
import type { Json } from '../src/json.ts';
import { readHolder } from '../src/lock/environment.ts';
import { isAlive, lockFile, readFileHolder } from '../src/lock/file.ts';
import { describeHolder } from '../src/lock/refusal.ts';
import { isDatabaseMissing, isUnreachable, withPostgres } from '../src/postgres.ts';
import { ownName } from '../src/state/owner.ts';
import { defineStep } from '../src/steps/types.ts';
import { flag } from '../src/task/flags.ts';
import { main } from '../src/task/main.ts';
import { defineChangeTask, type TaskContext } from '../src/task/types.ts';

/** What is known of the lock of an environment: in its database, and as a file in this checkout. */
interface Found {
  [key: string]: Json;
  session: { pid: number; holder: string } | null;
  file: { path: string; holder: string; alive: boolean } | null;
  reachable: boolean;
}

const task = defineChangeTask({
  name: 'ops:unlock',
  summary: 'Shows who holds the operations lock of an environment, and breaks it.',
  description:
    'Ends the database session of the holder, whose run then stops before its next step and can be resumed.\nA killed run needs no unlocking: its lock ends with its process.',
  examples: ['npm run ops:unlock -- --env staging --plan', 'npm run ops:unlock -- --env staging --yes'],
  flags: { force: flag.boolean({ about: 'also remove the lock file of a process that is still alive' }) },
  // It must work while the operations lock is held: that is what it is for.
  lock: 'checkout',
  destructive: true,
  plan: find,
  describe: ({ session, file }) => [
    ...(session ? [`end session ${session.pid} of ${session.holder}`] : []),
    ...(file ? [`remove the lock file of ${file.holder}${file.alive ? ' (still running)' : ' (gone)'}`] : []),
  ],
  steps: (ctx, found) => [
    defineStep({
      name: 'break the lock',
      run: async ({ audit }) => {
        await breakLock(ctx, found, ctx.flags.force);
        if (found.session ?? found.file)
          await audit('ops.unlock', { holder: found.session?.holder ?? found.file?.holder ?? '' });
        return null;
      },
      verify: async () => {
        const now = await find(ctx);
        if (!now.session || now.session.pid !== found.session?.pid) return;
        throw new OpsError({
          code: 'STILL_LOCKED',
          message: `The session ${now.session.pid} did not end.`,
          hint: 'Its role may need pg_signal_backend.',
        });
      },
    }),
  ],
  outcome: ({ env }, { session, file, reachable }) => ({
    verdict:
      (session ?? file)
        ? `The lock of ${env} is free.`
        : reachable
          ? `Nobody holds the lock of ${env}.`
          : `No lock file is in this checkout; who holds the lock in the database of ${env} is not known, for it is away.`,
  }),
});

async function find(ctx: TaskContext): Promise<Found> {
  const path = lockFile(ctx.config.root, ownName(ctx.config, ctx.env));
  const inFile = readFileHolder(path);
  const file = inFile ? { path, holder: describeHolder(inFile), alive: isAlive(inFile) } : null;
  try {
    return await withPostgres(operatorUrl(ctx.config, ctx.environment), 'drydock ops:unlock', async (client) => {
      const holder = await readHolder(client);
      return { session: holder ? { pid: holder.pid, holder: describeHolder(holder) } : null, file, reachable: true };
    });
  } catch (error) {
    if (!isUnreachable(error) && !isDatabaseMissing(error)) throw error;
    return { session: null, file, reachable: false };
  }
}

async function breakLock(ctx: TaskContext, { session, file }: Found, force: boolean): Promise<void> {
  if (file?.alive && !force) {
    throw usageError(
      'HOLDER_ALIVE',
      `${file.holder} is still running on this machine.`,
      'Stop it with Ctrl-C, or add --force.',
    );
  }
  if (file) rmSync(file.path, { force: true });
  if (!session) return;
  return withPostgres(operatorUrl(ctx.config, ctx.environment), 'drydock ops:unlock', async (client) => {
    // Waits up to a second for the session to be gone.
    await client.query('SELECT pg_terminate_backend($1, 1000)', [session.pid]);
  });
}

export default task;
await main(task, import.meta);
