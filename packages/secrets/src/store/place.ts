import type { Environment, LoadedConfig } from '@drydock/kit';
import type { Team } from '../team/team.ts';

/** What a store works in: whose secrets they are, to whom what was there before is encrypted, and what ends a wait. */
export interface Place {
  readonly config: LoadedConfig;
  readonly environment: Environment;
  readonly team: Team;
  readonly signal: AbortSignal;
}
