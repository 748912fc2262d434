import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

export interface Suite {
  name: string;
  command: string;
  args: string[];
  /** How its output tells what passed. `exit`: one check, by its exit code. */
  counts: 'uvu' | 'playwright' | 'exit';
  timeoutMs: number;
  /** Uses so much of the machine that fewer others run beside it. */
  heavy?: boolean;
  /** Takes a minute or more. */
  long?: boolean;
  /** Writes gigabytes. */
  roomy?: boolean;
  /** Programs that it is to use; then it stands on a server of its own. */
  env?: Record<string, string>;
}

const MINUTE = 60_000;
/** `npm test` says at its end what takes longest. */
const LONG = [
  'scripts/test/adopting.test.ts',
  'scripts/test/doctor.test.ts',
  'packages/escrow/test/guards.test.ts',
  'packages/release/test/local-driver.test.ts',
  'packages/release/test/rotation.test.ts',
  'packages/release/test/secrets/load.test.ts',
  'packages/release/test/secrets/product.test.ts',
  'packages/secrets/test/jwt-load.test.ts',
];
const check = (name: string, command: string, ...args: string[]): Suite => ({
  name,
  command,
  args,
  counts: 'exit',
  timeoutMs: 3 * MINUTE,
});

export const CHECKS: Suite[] = [
  check('types', 'tsc', '--noEmit'),
  check('lint', 'biome', 'check', '.'),
  check('promises', 'oxlint'),
  check('dead code', 'knip'),
  check('arrows', 'depcruise', '--config', '.dependency-cruiser.cjs', 'packages', 'scripts', 'e2e'),
];

/** The browser's suite and every `*.test.ts` of the packages and scripts; `*.long.test.ts` only if asked for. */
export function findSuites(root: string, { long }: { long: boolean }): Suite[] {
  const folders = [
    ...readdirSync(join(root, 'packages')).map((name) => join('packages', name, 'test')),
    'scripts/test',
  ];
  const files = folders.flatMap((folder) => listTests(root, folder)).filter((file) => long || !file.includes('.long.'));
  const uvu = files.map(
    (file): Suite => ({
      name: file,
      command: process.execPath,
      args: [file],
      counts: 'uvu',
      timeoutMs: (process.env.DRYDOCK_THOROUGH === '1' ? 60 : 8) * MINUTE,
      ...(file.includes('.release.') ? { heavy: true, roomy: true } : {}),
      ...(LONG.includes(file) ? { long: true } : {}),
    }),
  );
  const browser: Suite = {
    name: 'e2e',
    command: 'playwright',
    args: ['test', '--config', 'e2e/playwright.config.ts', '--reporter=line'],
    counts: 'playwright',
    heavy: true,
    timeoutMs: 4 * MINUTE,
  };
  return existsSync(join(root, 'e2e/playwright.config.ts')) ? [browser, ...uvu] : uvu;
}

function listTests(root: string, folder: string): string[] {
  if (!existsSync(join(root, folder))) return [];
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.test.ts'))
    .map((name) => join(folder, name))
    .sort();
}
