import type { Deployment } from '../driver/types.ts';
import type { Machine } from './nodes.ts';
import { hasEnded, isOf, isWanted } from './services.ts';
import { LABELS } from './spec.ts';
import type { Service, Task } from './types.ts';

/** What answers at a slot's port on one machine. */
export interface Answer {
  machine: Machine;
  /** `http://10.0.0.5:8081` */
  address: string;
  answers: boolean;
  ready: boolean;
  /** What it says itself. */
  version: string | undefined;
}

/** A slot as Swarm has it, and as it answers. */
export interface Sight {
  service: Service | undefined;
  /** Newest first, also those that have ended. */
  tasks: readonly Task[];
  answers: readonly Answer[];
}

export type Verdict =
  | { is: 'ready' }
  /** It will not get ready by itself. */
  | { is: 'failed'; says: string }
  /** `arriving`: machines still fetch the image. */
  | { is: 'waiting'; says: string; arriving: boolean };

const ARRIVING = new Set(['assigned', 'accepted', 'preparing']);

/**
 * Is the version ready, on every machine that it is to run on? By the states that Swarm tells, and by each instance's own word: Swarm alone says
 * "converged" of a version that was never there.
 */
export function judge(sight: Sight, { version }: Deployment): Verdict {
  const { service, tasks, answers } = sight;
  if (!service) return { is: 'failed', says: 'Swarm does not have its service any more' };
  const held = service.Spec.Labels[LABELS.version];
  if (held !== version) return { is: 'failed', says: `its service holds version ${held}` };
  const machine = (task: Task) => answers.find((answer) => answer.machine.id === task.NodeID);
  const ours = ofThisAttempt(tasks, service);
  const early = ours.find(({ Status }) => ['failed', 'rejected', 'complete'].includes(Status.State));
  if (early) return { is: 'failed', says: `${machine(early)?.machine.name ?? 'an instance'}: ${reasonOf(early)}` };
  const { State = '', Message = '' } = service.UpdateStatus ?? {};
  if (/^(paused|rollback)/.test(State)) return { is: 'failed', says: Message || `Swarm says "${State}"` };

  const wanted = ours.filter(isWanted);
  const away = answers
    .filter((answer) => answer.machine.active && !answer.machine.up)
    .map((answer) => answer.machine.name);
  const nowhere = away.length > 0 ? `the managers of the swarm do not hear from ${away.join(' and ')}` : undefined;
  const troubles = wanted.map((task) => troubleOf(task, machine(task), version, nowhere));
  const told = troubles.filter((trouble) => trouble !== undefined);
  const good = troubles.length - told.length;
  const arriving = wanted.some(({ Status }) => ARRIVING.has(Status.State));
  if (good < Math.max(1, places(sight)))
    return { is: 'waiting', says: told.join('; ') || 'Swarm has not begun its instances', arriving };
  if (State === 'updating') return { is: 'waiting', says: 'Swarm still watches whether it goes on running', arriving };
  return { is: 'ready' };
}

/** Machines where this version is ready by its own word, and Swarm runs it. */
export function readyOn({ tasks, answers }: Sight, { version }: Deployment): Answer[] {
  return answers.filter(
    (answer) =>
      answer.ready &&
      isVersion(answer, version) &&
      tasks.some((task) => task.NodeID === answer.machine.id && !hasEnded(task) && isOf(task, version)),
  );
}

export function holds({ service }: Sight, { version, digest }: Deployment): boolean {
  const { [LABELS.version]: held, [LABELS.digest]: of } = service?.Spec.Labels ?? {};
  return held === version && of === digest;
}

/** As many instances as are wanted; a machine that a person has taken out is not waited for, one that is away is. */
export function places({ service, answers }: Sight): number {
  const active = answers.filter(({ machine }) => machine.active).length;
  return Math.min(service ? replicasOf(service) : 0, active);
}

/** On all of these it runs; what a machine that is cut off does is not known. */
export function runs(sight: Sight): boolean {
  const up = sight.answers.filter(({ machine }) => machine.up).map(({ machine }) => machine.id);
  const away = sight.answers.filter(({ machine }) => machine.active && !machine.up).length;
  const running = sight.tasks.filter(
    (task) => isWanted(task) && task.Status.State === 'running' && up.includes(task.NodeID ?? ''),
  );
  return running.length > 0 && running.length >= places(sight) - away;
}

function replicasOf({ Spec }: Service): number {
  return 'Replicated' in Spec.Mode ? Spec.Mode.Replicated.Replicas : 0;
}

/** One that has no version in its answer is what Swarm started there: nothing else can have its port. */
function isVersion(answer: Answer, version: string): boolean {
  return answer.version === undefined || answer.version === version;
}

/** Since it was put there, or started again, last. */
export function ofThisAttempt(tasks: readonly Task[], { Spec }: Service): Task[] {
  return tasks.filter((task) => (task.Spec.ForceUpdate ?? 0) === Spec.TaskTemplate.ForceUpdate);
}

/** `nowhere`: why an instance has no machine, where that is known. */
function troubleOf(task: Task, answer: Answer | undefined, version: string, nowhere?: string): string | undefined {
  const { State, Err } = task.Status;
  if (!answer) return nowhere ?? (Err || 'an instance has no machine yet');
  const { name, up } = answer.machine;
  if (!up) return `the managers do not hear from ${name}`;
  if (State !== 'running')
    return `${name}: ${ARRIVING.has(State) ? 'fetches the image' : State}${Err ? `, ${Err}` : ''}`;
  if (!answer.answers) return `${name} does not answer at ${answer.address}`;
  if (!isVersion(answer, version)) return `${name} answers as version ${answer.version}`;
  return answer.ready ? undefined : `${name} answers that it is not ready`;
}

function reasonOf({ Status: { State, Err, ContainerStatus } }: Task): string {
  if (State === 'complete') return 'it ended by itself';
  const code = ContainerStatus?.ExitCode;
  return Err || (code ? `it ended with exit code ${code}` : State);
}
