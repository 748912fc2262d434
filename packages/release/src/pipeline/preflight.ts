import { backupTarget } from '@drydock/backups';
import { publicUrl } from '@drydock/health';
import { type EnvName, errorOn, OpsError, requireTool, type TaskContext } from '@drydock/kit';
import { driverOf } from '../driver/driver.ts';

/**
 * Everything that the steps will need, of every environment, before anything is changed in the first: that production's proxy is
 * away should not be found out when its migrations are applied. All that is missing is told at once.
 */
export async function preflight(ctx: TaskContext, environments: EnvName[]): Promise<void> {
  const asked = environments.flatMap((env) => questions(ctx, env).map((ask) => problemOf(env, ask)));
  const problems = (await Promise.all(asked)).filter((problem) => problem !== undefined);
  const [first] = problems;
  if (!first) return;
  const { code, hint, exit } = first.error;
  throw new OpsError({
    code,
    message: `Nothing was begun: ${problems.map(({ env, error }) => `${env}: ${error.message}`).join(' ')}`,
    hint,
    exit,
    cause: first.error,
  });
}

function questions(ctx: TaskContext, env: EnvName): (() => Promise<unknown>)[] {
  const environment = ctx.environmentOf(env);
  const { config, actor, reason } = ctx;
  return [
    async () => driverOf(config, environment).preflight(),
    async () => {
      const { stores } = backupTarget({ config, environment, actor, reason });
      for (const store of stores) await store.list(`${env}/`);
    },
    async () => requireTool('pg_dump'),
    async () => publicUrl(config, environment),
  ];
}

async function problemOf(
  env: EnvName,
  ask: () => Promise<unknown>,
): Promise<{ env: EnvName; error: OpsError } | undefined> {
  try {
    await ask();
    return undefined;
  } catch (thrown) {
    return { env, error: errorOn(env, thrown) };
  }
}
