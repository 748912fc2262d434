import type { PlannedStep } from '../journal/types.ts';
import type { StepNode } from './types.ts';

/**
 * The very steps that will run, in order, from the nodes that the runner is given. Groups that plan when the run has come to them
 * tell what they would plan as things are now, or say in words what may come.
 */
export async function plannedSteps(nodes: StepNode[], prefix = ''): Promise<PlannedStep[]> {
  const planned: PlannedStep[] = [];
  for (const node of nodes) {
    const name = prefix + node.name;
    if (!('steps' in node)) planned.push({ name });
    else if (typeof node.ahead === 'string') planned.push({ name, later: node.ahead });
    else planned.push(...(await plannedSteps(node.steps(await node.ahead()), `${name} › `)));
  }
  refuseTwins(planned);
  return planned;
}

/** The journal tells steps apart by their names: the second of two would be taken for done with the first. */
function refuseTwins(planned: PlannedStep[]): void {
  const seen = new Set<string>();
  for (const { name } of planned) {
    if (seen.has(name)) throw new Error(`Two steps are named "${name}".`);
    seen.add(name);
  }
}

/** For a person. */
export function describeSteps(planned: readonly PlannedStep[]): string[] {
  const digits = String(planned.length).length;
  return planned.map(
    ({ name, later }, at) => `${String(at + 1).padStart(digits)}  ${name}${later === undefined ? '' : ` › … ${later}`}`,
  );
}

/** Was it said that this step, one like it, or what is in this group will come? */
export function isPlanned(planned: readonly PlannedStep[], step: string): boolean {
  return planned.some(
    ({ name, later }) =>
      name === step || name.startsWith(`${step} › `) || (later !== undefined && step.startsWith(`${name} › `)),
  );
}
