import type { TaskContext } from '@drydock/kit';
import { secretsConfig } from '../config.ts';
import { noProduct } from '../product.ts';
import { behindOf, catchUp } from '../rotation/behind.ts';
import { openRotating } from '../rotation/open.ts';

type Context = Pick<TaskContext, 'config' | 'environment' | 'signal' | 'out'>;

/** Neither is needed to bring a file up to date. */
const NOTHING = { product: noProduct, doors: {} };

/** Secrets of which the env files hold what has ended, as another checkout has rotated them, with their variables. */
export async function secretsBehind(ctx: Context): Promise<{ name: string; variables: string[] }[]> {
  const found = [];
  for (const name of Object.keys(secretsConfig(ctx.config).rotate)) {
    const behind = await behindOf(openRotating(ctx, name, NOTHING));
    if (behind) found.push({ name, variables: Object.keys(behind.current.fingerprints) });
  }
  return found;
}

/** From the record of the environment, where what is in use is kept encrypted to the team. */
export async function bringUpToDate(ctx: Context, name: string): Promise<{ variables: string[] }> {
  return { variables: await catchUp(openRotating(ctx, name, NOTHING)) };
}
