import { type OpsError, roleOf, type Secret, usageError } from '@drydock/kit';
import type { Values } from '../../values.ts';
import type { PostgresSecret } from './config.ts';

/** NAMEDATALEN - 1: a longer name is cut by the server without a word. */
const LONGEST_NAME = 63;

/** The two login roles of an owner role, and which of them is meant. */
export interface Pair {
  owner: string;
  logins: readonly [string, string];
  /** Of the URL: one of the logins, or the owner itself where it has logged in by itself until now. */
  login: string;
  /** The one whose turn is next. */
  other: string;
}

/** By names alone: what the URL and the config say. */
export function pairOf(secret: PostgresSecret, url: Secret): Pair {
  const { user: login } = roleOf(url);
  if (!login) throw refused(secret, 'it names no role');
  const owner = secret.owner ?? /^(.+)_[ab]$/.exec(login)?.[1] ?? login;
  const [first = '', second = ''] = secret.logins ?? [`${owner}_a`, `${owner}_b`];
  const logins = [first, second] as const;
  if (new Set([first, second, owner]).size < 3)
    throw refused(secret, `the logins ${first} and ${second} and their owner ${owner} have to be three roles`);
  if (login !== owner && login !== first && login !== second)
    throw refused(secret, `it logs in as ${login}, which is neither ${first} nor ${second} nor their owner ${owner}`);
  const long = [...logins, owner].find((name) => Buffer.byteLength(name) > LONGEST_NAME);
  if (long) throw refused(secret, `PostgreSQL cuts the name ${long}: it has more than ${LONGEST_NAME} bytes`);
  return { owner, logins, login, other: login === first ? second : first };
}

function refused({ variable }: PostgresSecret, why: string): OpsError {
  return usageError(
    'LOGIN_NOT_PAIRED',
    `${variable} cannot be rotated: ${why}.`,
    'Name the two logins and their owner role in secrets.rotate: logins, owner.',
  );
}

/** The value of a variable that has to have one. */
export function urlIn(values: Values, variable: string): Secret {
  const url = values[variable];
  if (url) return url;
  throw usageError('VARIABLE_MISSING', `${variable} is not set: there is no login to rotate.`);
}

/** The password that stands in the URL itself. */
export function passwordIn(url: Secret, variable: string): Secret {
  const { password } = roleOf(url);
  if (password) return password;
  throw usageError(
    'NO_PASSWORD_IN_URL',
    `${variable} holds no password: a password file, a certificate or the system's user lets it in, and that is not Drydock's to rotate.`,
    'Write the password into the URL, or rotate it where it is kept.',
  );
}
