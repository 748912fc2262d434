import type { Environment, LoadedConfig, Secret } from '@drydock/kit';
import type { Doors } from '../doors.ts';
import type { Product } from '../product.ts';
import type { Values } from '../values.ts';

/** What a rotation costs those who use the product, told before it begins. */
export type Procedure = {
  /** `both`: old and new are valid together for a while; `none`: the old one ends when the new one begins. */
  overlap: 'both' | 'none';
  /** Seconds in which requests may fail; 0 where both are valid together. */
  outageSeconds: number;
  /** Does the product have to be started again (rolling)? */
  redeploys: boolean;
  /** Seconds that have to pass between the last instance that has the new one beside the old one and promote: others hear of it meanwhile. */
  standbySeconds?: number;
  /** Seconds that have to pass between promote and retire, before anybody is asked who still uses the old one. */
  settleSeconds: number;
  /** Seconds for which the service may go on taking the old one after retire (caches): proof is asked again until then. By itself 0. */
  refusedWithinSeconds?: number;
  /** `promote`: after that nothing brings the old one back. By itself the way back ends with retire. */
  noWayBackAfter?: 'promote';
  /** In the operator's words, in order: what happens in which phase. */
  says: string[];
};

/** Who still uses the old one. It blocks retire. */
export type Straggler = {
  /** Application, or what it calls itself. */
  who: string;
  host: string;
  /** Process or session, as the service names it; for people to end. */
  pid: string;
  /** Seconds it has been there. */
  ageSeconds: number;
  /** `idle in transaction`, `prepared transaction "x"`. */
  state: string;
};

/**
 * Was the old one tried, and refused? A network that is away proves nothing: that is thrown as UNKNOWN, and asked again later. `unknown`
 * is the answer where nobody will ever be able to tell.
 */
export type Proof = {
  verdict: 'dead' | 'alive' | 'unknown';
  /** What was tried and answered: `login as app_a: password authentication failed (28P01)`. */
  says: string;
};

export interface RotatorContext<S> {
  readonly config: LoadedConfig;
  /** As it was when the run began; values after that come as arguments. */
  readonly environment: Environment;
  /** As the config calls the secret. */
  readonly name: string;
  /** Its part of the config, checked. */
  readonly secret: S;
  /** `id` is the same in every run of one rotation: what is made elsewhere bears it, so that it is found and not made twice. */
  readonly rotation: { id: string; generation: number; emergency: boolean };
  readonly product: Product;
  readonly doors?: Doors;
  /** A value that only a person has: from standard input, or typed without echo. Asked once; after that it is sealed as what `make` made. */
  ask(what: string): Promise<Secret>;
  readonly signal: AbortSignal;
  onLine(line: string): void;
}

/**
 * How one kind of secret is rotated. Each function may be killed at any point and called again: it looks first, and twice is harmless.
 * `old` are the values before the rotation, `next` those that it made; both hold every variable of `variables`. What a service does
 * not answer is an OpsError with code UNKNOWN (see unknown.ts), never taken for a yes or a no.
 */
export interface Rotator {
  /** All variables that it reads or writes, the product's and the operator's. */
  readonly variables: readonly string[];
  /** Of those, what the product is started with: an instance is asked for their fingerprints. */
  readonly productVariables: readonly string[];
  procedure(): Promise<Procedure>;
  /** Before anything is made: throws what stands in the way (wrong shape, to be adopted first, no right to). */
  refuse(old: Values): Promise<void>;
  /**
   * Makes the new secret. Here alone is anything random; what it returns is kept sealed before the next function is called. Null where only
   * `replace` can make it.
   */
  make(old: Values): Promise<Values>;
  /** The new one becomes valid beside the old one. */
  add(old: Values, next: Values): Promise<void>;
  /**
   * Where `overlap` is none, in the place of `add`: called by promote, right before the environment is written, with `validate` after it and not
   * before. Here the old one ends and the new one begins; until then the service knows nothing of the rotation, and a withdrawal finds nothing.
   * Returns `next` as it is now: a service that makes its keys itself tells them only here. That is kept sealed before the environment is
   * written. Called again it returns the same.
   */
  replace?(old: Values, next: Values): Promise<Values>;
  /** What the environment holds while both are valid and the old one is in use; {} where it stays as it is. */
  staged(old: Values, next: Values): Values;
  /**
   * Tries the new one for real; returns what was tried, empty where nothing can try it. Throws where it is refused. Where it is an instance that accepts it, those at
   * `addresses` are asked (`http://host:port`), by default all: after one was started again, that one alone.
   */
  validate(old: Values, next: Values, addresses?: readonly string[]): Promise<string>;
  /** Trying it leaves something at the service (an event, an object): who only looks does not. */
  readonly triesByWriting?: boolean;
  /** What the environment holds once the new one is in use. */
  promoted(old: Values, next: Values): Values;
  /** Who still uses the old one, as the service sees it. */
  stragglers(old: Values, next: Values): Promise<Straggler[]>;
  /** The old one becomes invalid at the service; with `rotation.emergency` those who use it are ended. */
  retire(old: Values, next: Values): Promise<void>;
  /** What the environment holds without the old one; {} where it stays as promoted. */
  retired(old: Values, next: Values): Values;
  /** Tries the old one. */
  proof(old: Values, next: Values): Promise<Proof>;
  /** After a proof that it is dead: clears away what is left of the old one at the service (a key that is disabled). */
  discard?(old: Values, next: Values): Promise<void>;
  /**
   * The new one is taken away again, everywhere: as if it had never been made. Only before retire. `next` is empty where `make` did not come
   * back: what it made elsewhere is found by the rotation's id.
   */
  withdraw(old: Values, next: Values): Promise<void>;
  /**
   * secrets:adopt: what would bring what is there today under rotation, each statement in words; empty where nothing is needed. `run` does
   * it (killed, it is called again), and returns what the environment is to hold; {} where it stays as it is.
   */
  adoption?(old: Values): Promise<{ says: string[]; run(): Promise<Values> }>;
}

/** Opening one asks nothing and needs nothing to be set: its variables are known by the config alone. */
export type OpenRotator<S> = (ctx: RotatorContext<S>) => Rotator;
