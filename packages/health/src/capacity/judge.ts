import { judgeCpu } from './cpu.ts';
import { judgeLatency } from './latency.ts';
import { judgeMemory } from './memory.ts';
import type { CapacityInput, Trigger } from './types.ts';

/** All scale triggers of the runbook, section 8, from samples alone: pure, so that a recording gives the same answer again. */
export function judgeCapacity(input: CapacityInput): Trigger[] {
  const latency = input.objectives.filter((one) => one.kind === 'share' && one.source.of === 'latency');
  return [
    judgeCpu(input),
    ...latency.flatMap((one) => (one.kind === 'share' ? [judgeLatency(one, input)] : [])),
    judgeMemory(input),
  ];
}
