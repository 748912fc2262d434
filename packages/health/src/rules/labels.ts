import { EVERY_ROUTE } from '../objectives/list.ts';
import type { ShareObjective } from '../objectives/types.ts';
import type { RulesPlan } from './plan.ts';

export function labelsOf(
  { product, env }: Pick<RulesPlan, 'product' | 'env'>,
  objective: string,
): Record<string, string> {
  return { product, env, objective };
}

/** `{product="shop",env="staging",objective="errors"}` */
export function recordedBy(plan: RulesPlan, objective: string): string {
  const inside = Object.entries(labelsOf(plan, objective)).map(([label, value]) => `${label}=${JSON.stringify(value)}`);
  return `{${inside.join(',')}}`;
}

/** For a person; of every route by itself, the one that it is about. */
export function titleOf({ names }: RulesPlan, { source, title }: ShareObjective): string {
  if (source.of !== 'latency' || source.route !== EVERY_ROUTE) return title;
  const label = (name: string) => `{{ $labels.${name} }}`;
  return title.replace(/\*$/, `${label(names.methodLabel)} ${label(names.routeLabel)}`);
}
