import { setTimeout as sleep } from 'node:timers/promises';
import { isSameProcess } from './identity.ts';
import { type Running, runningProcesses } from './table.ts';

/** How long a process tree may take to end by itself before it is killed, and then to be gone. */
const GRACE_MS = 3_000;
const LOOK_MS = 30;

/** Leaders of the groups that children of this process run in. */
const groups = new Set<number>();

/** From now on the group ends with this process, however it ends by itself. Returns what lets it go. */
export function tieGroup(leader: number): () => void {
  if (groups.size === 0) process.on('exit', killGroups);
  groups.add(leader);
  return () => {
    groups.delete(leader);
    if (groups.size === 0) process.off('exit', killGroups);
  };
}

function killGroups(): void {
  for (const leader of groups) send(-leader, 'SIGKILL');
}

/**
 * Ends a process that leads a group of its own, with all that it has begun: the members of the group, whatever their parents are,
 * and descendants that have left it. Asked first (`leaderFirst`: it alone, by that signal, and the others once it has ended), killed
 * after the grace. Another process never gets the number of a group that has a member.
 */
export async function endTree(
  leader: number,
  { graceMs = GRACE_MS, leaderFirst }: { graceMs?: number; leaderFirst?: NodeJS.Signals } = {},
): Promise<void> {
  const ours = treeOf(leader);
  const deadline = Date.now() + graceMs;
  if (leaderFirst) {
    send(leader, leaderFirst);
    const start = ours.find(({ pid }) => pid === leader)?.start ?? '';
    await untilGone(() => isSameProcess(leader, start), deadline);
  }
  for (const { pid } of remaining(leader, ours)) send(pid, 'SIGTERM');
  await untilGone(() => remaining(leader, ours).length > 0, deadline);
  for (const { pid } of remaining(leader, ours)) send(pid, 'SIGKILL');
  await untilGone(() => remaining(leader, ours).length > 0, Date.now() + GRACE_MS);
  // Children of ours that have ended are taken off by a turn of the event loop; until then their pids are there.
  await sleep(LOOK_MS);
}

async function untilGone(isThere: () => boolean, deadline: number): Promise<void> {
  while (isThere() && Date.now() < deadline) await sleep(LOOK_MS);
}

/** Those that were there, and those that joined the group since. */
function remaining(leader: number, ours: Running[]): Running[] {
  const known = new Set(ours.map(({ pid, start }) => `${pid} ${start}`));
  return runningProcesses().filter(({ pid, group, start }) => group === leader || known.has(`${pid} ${start}`));
}

function treeOf(leader: number): Running[] {
  const all = runningProcesses();
  const tree = new Set([leader]);
  // A parent may stand behind its child in the list.
  for (let before = 0; before < tree.size; ) {
    before = tree.size;
    for (const { pid, parent, group } of all) if (group === leader || tree.has(parent)) tree.add(pid);
  }
  return all.filter(({ pid }) => tree.has(pid));
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (cause) {
    // It may end between the look and the signal; or it has become somebody whom we may not end.
    if (!['ESRCH', 'EPERM'].includes((cause as NodeJS.ErrnoException).code ?? '')) throw cause;
  }
}
