import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * A test file that is run alone has, as in a whole run (scripts/check/make-bed.ts), a folder for all that it and its tasks have in the folder for
 * temporary files, and it goes with it. What is the same for every run is kept beside it.
 */
if (process.env.DRYDOCK_TEST_ROOT === undefined && /\.test\.ts$/.test(process.argv[1] ?? '')) {
  const outside = tmpdir();
  const root = mkdtempSync(join(outside, 'drydock-alone-'));
  // Some services run as another user when we are root.
  chmodSync(root, 0o1777);
  process.env.DRYDOCK_TEST_CACHE ??= outside;
  process.env.DRYDOCK_TEST_ROOT = root;
  process.env.TMPDIR = root;
  process.once('exit', () => rmSync(root, { recursive: true, force: true, maxRetries: 5 }));
}
