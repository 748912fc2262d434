import type { TaskContext } from '@drydock/kit';
import { productOf } from '@drydock/release';
import type { Around } from '@drydock/secrets';
import { doorsOf } from './doors.ts';

/** What runs, and what other features do for a rotation. */
export function aroundOf(ctx: TaskContext): Around {
  return { product: productOf(ctx.config, ctx.environment), doors: doorsOf(ctx) };
}
