import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { OpsError } from '@drydock/kit';
import type { Engine } from './engine.ts';
import { serviceLogs } from './logs.ts';
import { hasEnded, type Registry, Services } from './services.ts';
import { jobSpec, LABELS } from './spec.ts';

const LOOK_MS = 250;
/** What a command wrote last may come after its end. */
const LAST_LINES_MS = 2_000;
/** Docker gives a container ten seconds to end by itself. */
const GONE_WITHIN_MS = 25_000;
const JOB = 'drydock.job';

export interface Job {
  /** Jobs of one environment are called alike, and there is one at a time. */
  prefix: string;
  version: string;
  image: string;
  command: string[];
  env: Record<string, string>;
  constraints: readonly string[];
  /** To fetch the image and begin. */
  beginWithinMs: number;
}

/** Runs a command of an image once, somewhere in the swarm, and waits for its end. What a killed run has left behind is ended first. */
export async function runJob(
  engine: Engine,
  registry: Registry,
  job: Job,
  { signal, onLine }: { signal: AbortSignal; onLine(line: string): void },
): Promise<void> {
  const services = new Services(engine, registry);
  for (const left of await services.named(`${JOB}=${job.prefix}`)) await services.remove(left);
  await untilGone(services, `${JOB}=${job.prefix}`);
  const name = `${job.prefix}-once-${randomBytes(4).toString('hex')}`;
  const labels = { [LABELS.version]: job.version, [JOB]: job.prefix };
  const { image, command, env, constraints } = job;
  const reading = new AbortController();
  try {
    await services.put(name, () => jobSpec({ name, labels, image, command, env, constraints }));
    const said = read(engine, name, reading.signal, onLine);
    const why = await ended(services, name, job, signal);
    await Promise.race([said, sleep(LAST_LINES_MS)]);
    if (why === undefined) return;
    throw new OpsError({ code: 'COMMAND_FAILED', message: `${command.join(' ')} ${why}.` });
  } finally {
    reading.abort();
    await services.remove(name);
  }
}

async function read(engine: Engine, name: string, signal: AbortSignal, onLine: (line: string) => void): Promise<void> {
  for await (const { text } of serviceLogs(engine, name, { lines: 1_000, follow: true, signal })) onLine(text);
}

/** Why it failed; undefined where it did not. */
async function ended(services: Services, name: string, job: Job, signal: AbortSignal): Promise<string | undefined> {
  const begins = Date.now() + job.beginWithinMs;
  for (;;) {
    const [task] = await services.tasks(name);
    const { State = 'new', Err = '', ContainerStatus } = task?.Status ?? {};
    if (State === 'complete') return undefined;
    if (task && hasEnded(task))
      return ContainerStatus?.ExitCode ? `ended with exit code ${ContainerStatus.ExitCode}` : `failed: ${Err || State}`;
    if (!['starting', 'running'].includes(State) && Date.now() > begins)
      return `was not begun by any machine of the swarm${Err ? ` (${Err})` : ''}`;
    await sleep(LOOK_MS, undefined, { signal });
  }
}

/** A container ends after its service; one on a machine that the managers do not hear from is not waited for beyond the bound. */
async function untilGone(services: Services, label: string): Promise<void> {
  const deadline = Date.now() + GONE_WITHIN_MS;
  while ((await services.tasksLabelled(label)).some((task) => task.NodeID && !hasEnded(task))) {
    if (Date.now() > deadline)
      throw new OpsError({
        code: 'SWARM_JOB_RUNS',
        message: 'A command of an earlier run is still at work in the swarm, and does not end.',
        hint: `See where: docker service ps $(docker service ls --quiet --filter label=${label})`,
      });
    await sleep(LOOK_MS);
  }
}
