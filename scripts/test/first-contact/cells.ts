import type { Manager, NodeVersion } from './versions.ts';

/** One newcomer: where they cloned it, who they are, and what they have. */
export interface Cell {
  name: string;
  /** Of the checkout; `{long}` fills its path up to 200 characters. */
  folder: string;
  node?: NodeVersion;
  manager?: Manager;
  user?: 'root' | 'ordinary' | 'nameless';
  umask?: string;
  files?: number;
  env?: Record<string, string | undefined>;
  /** What is done to the clone before. */
  prepare?: 'without git' | 'of another user' | 'read-only' | 'through a link';
  /** The one sentence, where it does not come up. */
  says?: RegExp;
  /** Also in a plain `npm test`. */
  sample?: true;
}

const NFD = 'Ü'.normalize('NFD');

export const CELLS: Cell[] = [
  // Comes up.
  {
    ...{ name: 'an ordinary user, in a folder with everything', folder: `it's a "shop" #1 100%41 $HOME; ${NFD}` },
    ...{ user: 'ordinary', umask: '077', env: { LANG: 'C' } },
  },
  { name: 'Node 18, npm 9', folder: 'a b', node: '18', manager: 'npm9', umask: '000', env: { LANG: 'C', LC_ALL: 'C' } },
  {
    ...{ name: 'Node 20, npm 10', folder: `$HOME, \${USER} (x) [y]`, node: '20', manager: 'npm10' },
    env: { TZ: 'Pacific/Kiritimati' },
  },
  { name: 'Node 22, npm 11', folder: '{long}', node: '22', manager: 'npm11', env: { LANG: 'tr_TR.UTF-8' } },
  {
    ...{ name: 'Node 26, npm 11, through a link', folder: `${NFD}bung`, node: '26', manager: 'npm11' },
    ...{ prepare: 'through a link', env: { LANG: 'de_DE.UTF-8' }, umask: '077' },
  },
  { name: 'pnpm 9', folder: "it's", manager: 'pnpm9', files: 256 },
  { name: 'pnpm 10, no home', folder: 'home', manager: 'pnpm10', user: 'ordinary', env: { HOME: '/nonexistent' } },
  { name: 'pnpm 11', folder: '#1', manager: 'pnpm11', user: 'ordinary', umask: '000' },
  { name: 'pnpm 12', folder: '100%', manager: 'pnpm12', node: '26', env: { TZ: 'America/St_Johns' } },
  { name: 'yarn 1', folder: 'a;b', manager: 'yarn1', node: '20' },
  { name: 'yarn 4', folder: '-n', manager: 'yarn4', node: '22' },
  // Says in one sentence why not.
  { name: 'below node_modules', folder: 'node_modules/shop', says: /lies in a folder node_modules/, sample: true },
  { name: 'a colon', folder: 'a:b', says: /has a colon in it/, sample: true },
  { name: 'Node 16', folder: 'old', node: '16', manager: 'npm9', says: /Node 16\.\d+\.\d+ is too old/ },
  { name: 'without .git', folder: 'export', prepare: 'without git', says: /is no git repository with a commit/ },
  {
    ...{ name: 'the checkout of another user', folder: 'theirs', user: 'ordinary', prepare: 'of another user' },
    ...{ says: /cannot be written by you \(EACCES\)/, sample: true },
  },
  {
    name: 'a read-only disk',
    folder: 'cd',
    prepare: 'read-only',
    says: /cannot be written by you \(EROFS\)/,
    sample: true,
  },
  {
    name: 'a user id without a name',
    folder: 'uid',
    user: 'nameless',
    says: /The user id \d+ has no name on this machine/,
  },
  {
    name: 'TMPDIR missing',
    folder: 'tmp',
    env: { TMPDIR: '/dev/null/tmp' },
    says: /\/dev\/null\/tmp, cannot be used/,
    sample: true,
  },
];
