// Uses no service: the task files, and the lists that are written from them.
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { TOOLKIT } from '@drydock/kit/cli';
import { testRoot } from '@drydock/sandbox/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { listsOf } from '../src/wire/lists.ts';
import { readTaskFiles } from '../src/wire/read.ts';
import { staleLists } from '../src/wire/stale.ts';

const test = suite('wire');

test('every list is as the task files and the sections of the config have it; if not: npm run wire', async () => {
  const stale = (await staleLists(TOOLKIT)).map(({ file }) => file);
  assert.equal(stale, [], 'npm run wire');
});

test('a task needs one file: every list then has it', async () => {
  const toolkit = testRoot('wire');
  for (const file of ['package.json', 'turbo.json', 'README.md', 'tasks.json'])
    cpSync(join(TOOLKIT, file), join(toolkit, file));
  mkdirSync(join(toolkit, 'docs'));
  mkdirSync(join(toolkit, 'packages/db/scripts'), { recursive: true });
  cpSync(join(TOOLKIT, 'packages/db/package.json'), join(toolkit, 'packages/db/package.json'));
  symlinkSync(join(TOOLKIT, 'packages/db/node_modules'), join(toolkit, 'packages/db/node_modules'));
  writeFileSync(
    join(toolkit, 'packages/db/scripts/sizes.ts'),
    `import { defineReadTask, main } from '@drydock/kit';
const task = defineReadTask({ name: 'db:sizes', summary: 'Lists the largest tables.', run: async () => ({ verdict: 'ok' }) });
export default task;
await main(task, import.meta);
`,
  );
  const tasks = await readTaskFiles(toolkit);
  assert.equal(
    tasks.map(({ name, section }) => [name, section]),
    [['db:sizes', '3 Migrations']],
  );
  const lists = Object.fromEntries(listsOf(toolkit, tasks).map((list) => [list.file, list.content]));
  for (const list of [
    'tasks.json',
    'package.json',
    'packages/db/package.json',
    'turbo.json',
    'README.md',
    'docs/COMMANDS.md',
  ])
    assert.match(lists[list] ?? '', 'db:sizes', list);
  assert.match(lists['package.json'] ?? '', '"typecheck": "tsc --noEmit"', 'what is no task stays');
  assert.not.match(lists['package.json'] ?? '', 'db:deploy', 'what is no task any more goes');
  assert.match(lists['README.md'] ?? '', readFileSync(join(TOOLKIT, 'README.md'), 'utf8').slice(0, 200));
});

test.run();
