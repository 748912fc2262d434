import type { StepRecord } from '../journal/state.ts';
import type { StepNode } from './types.ts';

/**
 * What a journal tells of that these steps are not: the first step it knows and they do not have, or have behind one that was not come
 * to yet. Undefined where they are those that it was written by: groups go by the plans that it keeps.
 */
export function stepOfOthers(nodes: StepNode[], before: ReadonlyMap<string, StepRecord>): string | undefined {
  const names = namesOf(nodes, before, '');
  const known = new Set(names);
  const stranger = [...before.keys()].find((name) => !known.has(name));
  if (stranger !== undefined) return stranger;
  const ahead = names.findIndex((name) => !before.has(name));
  return ahead < 0 ? undefined : names.slice(ahead).find((name) => before.has(name));
}

function namesOf(nodes: StepNode[], before: ReadonlyMap<string, StepRecord>, prefix: string): string[] {
  return nodes.flatMap((node) => {
    const name = prefix + node.name;
    const plan = before.get(name)?.data;
    return 'steps' in node && plan !== undefined ? [name, ...namesOf(node.steps(plan), before, `${name} › `)] : [name];
  });
}
