import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { LeakScan } from '@drydock/kit/testing';

/**
 * Searches where no value may be found, in every shape that it is usually printed in: below a checkout but for `except` (the env files themselves), in
 * every version that its git has, and in the temporary folders of ours.
 */
export function searchCheckout(scan: LeakScan, root: string, except: readonly string[]): LeakScan {
  scan.folder(root, [...except, '.git']);
  if (existsSync(join(root, '.git')))
    scan.text('git', execFileSync('git', ['-C', root, 'log', '-p', '--all', '--text']));
  for (const base of new Set(['/dev/shm', tmpdir()]))
    for (const name of existsSync(base) ? readdirSync(base) : [])
      if (/^drydock-(edit|secrets)-/.test(name)) scan.folder(join(base, name));
  return scan;
}
