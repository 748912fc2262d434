import type { Artifact } from '../artifact/types.ts';
import type { Question } from '../question.ts';

export type Slot = 'blue' | 'green';
export const SLOTS: readonly Slot[] = ['blue', 'green'];

/** A version in a slot, as one or more instances of it. Kept in journals as it is. */
export type Deployment = {
  slot: Slot;
  /** Of one that takes traffic and that this toolkit did not start: UNKNOWN_VERSION, as its commit and digest. */
  version: string;
  commit: string;
  /** SHA-256 of what it was started from. */
  digest: string;
};

export const UNKNOWN_VERSION = 'unknown';

export function unknownIn(slot: Slot): Deployment {
  return { slot, version: UNKNOWN_VERSION, commit: UNKNOWN_VERSION, digest: UNKNOWN_VERSION };
}

export interface Found {
  /** Takes the traffic now. */
  live: Deployment | undefined;
  /** Does it pass the check of what sends it traffic? */
  up: boolean;
  /** Beside it, running or not. */
  idle: Deployment | undefined;
}

/** One process, or container, of a version. */
export interface InstanceState {
  /** `blue-1` */
  name: string;
  running: boolean;
  ready: boolean;
  /** What it says itself; undefined where it does not answer, or its answer has none. */
  version: string | undefined;
  /** How often it was started again since it was put there; undefined where nobody counts. */
  restarts: number | undefined;
  detail: string;
}

export interface Progress {
  signal: AbortSignal;
  onLine(line: string): void;
}

export interface Rolling extends Progress {
  /** Called of each instance that is ready again, before people meet it. Throws to stop there: others keep what they have. */
  each(instance: { name: string; address: string }): Promise<void>;
}

/** What a process of a version was started with. */
export interface StartedWith {
  /** `blue-1` */
  instance: string;
  host: string;
  /** Where it is asked: `http://127.0.0.1:20001`. */
  address: string;
  /** Undefined where it cannot be seen. */
  env: Readonly<Record<string, string>> | undefined;
}

export interface Kept {
  /** With the environment that this version was started with last, where that is kept, but for secrets under rotation; else with the one of now. */
  asReleased?: boolean;
}

export interface RunOnce extends Progress {
  /** Beside the environment's own variables for the product. */
  env: Record<string, string>;
}

/** People get a page that says so, with 503 and Retry-After; health is answered. */
export type Maintenance = {
  reason: string;
  retryAfterSeconds: number;
};

/** How versions of the product run in one environment, and how traffic gets to one of them. Each method may be repeated. */
export interface Driver {
  /** All that the methods below need, to be asked before anything is changed. */
  questions(): Question[];
  /** Asked of the world, from any checkout; nothing is believed from memory. */
  inspect(): Promise<Found>;
  /** It, and no other, gets new requests. */
  isLive(deployment: Deployment): Promise<boolean>;
  /** All of its instances run. */
  isRunning(deployment: Deployment): Promise<boolean>;
  instances(deployment: Deployment): Promise<InstanceState[]>;
  /** Starts a version in the slot that is not live, from fresh files. It gets no traffic yet. */
  stage(artifact: Artifact, options: Progress & Kept): Promise<Deployment>;
  /** Waits until every instance says that it can take traffic. */
  waitReady(deployment: Deployment, options: Progress): Promise<void>;
  /** Sends new requests to this version and no more to the other one, whose requests in flight go on. */
  shift(to: Deployment): Promise<void>;
  /** Takes all traffic from the version: the undo of a first release, where there is nothing to go back to. */
  unshift(from: Deployment): Promise<void>;
  /** Ends a version once it has finished what it was answering. What takes the traffic alone is not ended. */
  retire(deployment: Deployment): Promise<void>;
  /** Starts a retired version again where it was: as it was started there, but for secrets under rotation, which are as they are now. */
  revive(deployment: Deployment, options: Progress): Promise<void>;
  /**
   * Starts the instances again that have another environment than they should. Of a version that takes traffic: what the files say now, one after
   * the other, and no request meets one that is not ready. Of one that is warm: as released, but for secrets under rotation. One that
   * has ended is left alone. Killed at any point, the next call goes on.
   */
  restart(deployment: Deployment, options: Rolling): Promise<void>;
  /** Of each of its processes that runs, as the process itself has it. */
  startedWith(deployment: Deployment): Promise<StartedWith[]>;
  /** Where its instances can be asked directly. */
  addressesOf(deployment: Deployment): Promise<string[]>;
  /** For a person: `slot blue`. */
  placeOf(deployment: Deployment): string;
  /** The last lines that its instances wrote, and with `follow` those that come until the signal. */
  logs(deployment: Deployment, options: { lines: number; follow: boolean; signal: AbortSignal }): AsyncIterable<string>;
  /** What its instances wrote last since they were put there: why one did not get ready. */
  saidLast(deployment: Deployment, lines: number): Promise<string[]>;
  /** Undefined while the product is there for people; needs neither the product nor its database. */
  maintenance(): Promise<(Maintenance & { since: string }) | undefined>;
  setMaintenance(on: Maintenance | undefined): Promise<void>;
  /** Runs a command in the artefact's files, with the environment's variables for the product, and waits for its end. */
  runOnce(artifact: Artifact, command: string[], options: RunOnce): Promise<void>;
}
