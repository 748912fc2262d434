/** A version that was started. What else a driver must know of it (a slot, a port) is its own; it is kept in journals as it is. */
export type Instance = {
  /** Of one that serves and was started from another checkout: UNKNOWN_VERSION. */
  version: string;
  commit: string;
  /** Another checkout's: it can be sent traffic and taken from it, and is not ours to start or end. */
  elsewhere?: true;
};

export const UNKNOWN_VERSION = 'unknown';

export interface Live<I extends Instance = Instance> {
  /** Takes the traffic now. */
  live: I | undefined;
  /** Does it pass the check of what sends it traffic? */
  up: boolean;
  /** Beside it, running or not. */
  idle: I | undefined;
}

/** How versions of the product run in one environment, and how traffic gets to one of them. */
export interface Driver<I extends Instance = Instance> {
  /** Asks for everything that the methods below need; changes nothing. */
  preflight(): Promise<void>;
  /** Nothing is believed from memory. */
  inspect(): Promise<Live<I>>;
  /** It, and no other, gets new requests. */
  isLive(instance: I): Promise<boolean>;
  isRunning(instance: I): Promise<boolean>;
  /** Starts a version beside the live one. It gets no traffic yet. */
  stage(artifact: { version: string; commit: string; folder: string }): Promise<I>;
  /** Waits until the version says that it can take traffic. */
  waitReady(instance: I, signal: AbortSignal): Promise<void>;
  /** Sends new requests to this version and no more to the other one, whose requests in flight go on. */
  shift(to: I): Promise<void>;
  /** Takes all traffic from the version: the undo of a first release, where there is nothing to go back to. */
  unshift(from: I): Promise<void>;
  /** Ends a version once it has finished what it was answering; another checkout's gets no traffic, and runs on. */
  retire(instance: I): Promise<void>;
  /** Starts a retired version again where it was. */
  revive(instance: I, folder: string): Promise<void>;
  /** Where it can be asked directly. */
  addressOf(instance: I): string;
  /** For a person: `slot blue`. */
  placeOf(instance: I): string;
}
