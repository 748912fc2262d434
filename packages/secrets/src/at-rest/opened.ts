import { OpsError } from '@drydock/kit';
import type { Team } from '../team/team.ts';

/** Undefined where it cannot be opened from here: it is encrypted to others' keys, or we have none. */
export async function openIfOurs(team: Team, sealed: string, what: string): Promise<string | undefined> {
  try {
    return await team.open(sealed, what);
  } catch (error) {
    if (error instanceof OpsError && ['WRONG_KEY', 'NO_KEY'].includes(error.code)) return undefined;
    throw error;
  }
}
