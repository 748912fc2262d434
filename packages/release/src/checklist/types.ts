import type { Environment, LoadedConfig } from '@drydock/kit';
import type { Box } from '../config/checklist.ts';

/**
 * `yes` and `no`: it was looked at. `unknown`: nothing here can tell, and a person may stand for it. `signed`: one does. `none`: there is
 * nothing to tick (no version to go back to, no feature flag).
 */
export type State = 'yes' | 'no' | 'unknown' | 'signed' | 'none';

export interface Answer {
  state: State;
  says: string;
  by?: string | undefined;
  /** ISO 8601. */
  at?: string | undefined;
  until?: string | undefined;
  link?: string | undefined;
  /** The run that it comes from. */
  run?: string | undefined;
}

export interface Ticked extends Answer {
  box: Box;
}

/** What the boxes are asked about. */
export interface About {
  config: LoadedConfig;
  /** That is to be released to. */
  environment: Environment;
  /** That a release goes through before it; undefined where it begins here. */
  before: Environment | undefined;
  commit: string;
  offline: boolean;
  signal: AbortSignal;
}
