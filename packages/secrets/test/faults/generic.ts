import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Subject } from './team.ts';

const FIRST = 'first-value-of-thirty-two-letters';
const PROGRAM = join(import.meta.dirname, '../fixtures/keys.mjs');

/** A service that takes keys, called as a person would change them there. */
export function genericSubject(databaseUrl: string): Subject {
  const file = join(mkdtempSync(join(process.env.DRYDOCK_TEST_ROOT ?? tmpdir(), 'drydock-keys-')), 'keys.json');
  writeFileSync(file, JSON.stringify([FIRST]));
  const call = (what: string) => [process.execPath, PROGRAM, what, file];
  const taken = () => JSON.parse(readFileSync(file, 'utf8')) as string[];
  return {
    secret: {
      ...{ kind: 'generic', variable: 'API_KEY', overlap: 'both', add: call('add'), retire: call('retire') },
      ...{ proof: call('proof'), validate: { command: call('validate') } },
    },
    databaseUrl,
    env: { API_KEY: FIRST },
    variables: ['API_KEY'],
    works: async ({ API_KEY = '' }) => taken().includes(API_KEY),
    live: async ({ API_KEY }) => taken().map((key) => (key === API_KEY ? 'the one of now' : 'another')),
    stop: async () => {},
  };
}
