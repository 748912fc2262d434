import { formatDuration, type Output, type RunState } from '@drydock/kit';

/** A release as its journal tells it: each step with its duration, and the verdict. */
export function printTimeline(out: Output, run: RunState, sandboxMs: number): void {
  const steps = [...run.steps.values()].filter(({ name }) => !isGroup(name, run));
  const rows = steps.map(({ name, state, startedAt, endedAt }) => [
    name,
    state,
    endedAt ? formatDuration(Date.parse(endedAt) - Date.parse(startedAt)) : '',
  ]);
  out.line('');
  out.table(['step', 'state', 'took'], [['sandbox', 'done', formatDuration(sandboxMs)], ...rows]);
  const total = formatDuration(Date.parse(run.lastAt) - Date.parse(run.startedAt) + sandboxMs);
  const verdict = {
    done: `Released in ${total}.`,
    failed: 'The release failed; what could be undone was undone.',
    open: 'The release is unfinished.',
  };
  out.line(`${verdict[run.status]} Run ${run.run}, journal .drydock/runs/${run.run}/journal.jsonl`);
}

function isGroup(name: string, run: RunState): boolean {
  return [...run.steps.keys()].some((other) => other.startsWith(`${name} › `));
}
