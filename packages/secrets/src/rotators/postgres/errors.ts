import { command, EXIT, hint, OpsError } from '@drydock/kit';
import type { Straggler } from '../types.ts';

/** How many sessions are told in a sentence. */
const TOLD = 5;

export function loginInUse(
  code: 'STRAGGLERS' | 'OTHER_LOGIN_IN_USE' | 'NEW_LOGIN_IN_USE',
  login: string,
  who: readonly Straggler[],
  then: string,
): OpsError {
  const told = who
    .slice(0, TOLD)
    .map(
      ({ who: name, host, pid, ageSeconds, state }) =>
        `${name} from ${host}, pid ${pid}, ${ageSeconds} s old, ${state}`,
    );
  const more = who.length > TOLD ? `; and ${who.length - TOLD} more` : '';
  return new OpsError({
    code,
    message: `${login} is in use: ${told.join('; ')}${more}. ${then}`,
    hint: 'Start again what is named; a pooler lets its own sessions go by RECONNECT; a prepared transaction ends by COMMIT PREPARED or ROLLBACK PREPARED.',
    exit: EXIT.no,
  });
}

export function newLoginRefused(variable: string, login: string, says: string, pooled: boolean): OpsError {
  return new OpsError({
    code: pooled ? 'POOLER_KNOWS_NO_LOGIN' : 'NEW_LOGIN_REFUSED',
    message: `${pooled ? 'The pooler' : 'The server'} of ${variable} refuses ${login}: ${says}.`,
    hint: pooled
      ? 'With auth_query a pooler knows it by itself; one with a file of users has to be told: name a program that does it in secrets.rotate (pooler), or add the line there.'
      : 'If that is pg_hba.conf, let both logins in there (`+OWNER` names all members of a role).',
  });
}

export function poolersOwnLogin(variable: string, login: string, session: string): OpsError {
  return new OpsError({
    code: 'POOLER_HAS_ITS_OWN_LOGIN',
    message: `${variable} logs in as ${login}, and what it leads to works as ${session}: a pooler has a login of its own there, which a rotation of ${variable} would not change.`,
    hint: "Let the pooler pass its clients' logins on (no user= in its list of databases), or rotate its own.",
    exit: EXIT.refused,
  });
}

export function sameLoginElsewhere(variable: string, other: string, login: string): OpsError {
  return new OpsError({
    code: 'LOGIN_SHARED',
    message: `${other} logs in as ${login} as well: it would be shut out when ${variable} is rotated.`,
    hint: hint`Name it beside ${variable} in secrets.rotate (also). ${command('env:check')} shows where each comes from.`,
    exit: EXIT.refused,
  });
}
