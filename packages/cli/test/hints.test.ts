// Uses no service: the commands that hints name, in all sources, against the tasks that there are.
import { execFileSync } from 'node:child_process';
import { command, flag, typed } from '@drydock/kit';
import { type AnyTask, flagsOf, loadTask, parseTaskArgs, readWired } from '@drydock/kit/cli';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Call, commandsIn, type Place, sources } from './commands.ts';

const test = suite('commands in hints');

const names = readWired().map(({ name }) => name);
const tasks = new Map<string, AnyTask>();
const at = ({ file, line }: Place) => `${file}:${line}`;

/** They write what others call by name, or for both doors at once. */
const WRITERS = [
  'packages/kit/src/task/typed.ts',
  'packages/cli/src/help.ts',
  'packages/cli/src/wire/lists.ts',
  'packages/cli/src/wire/config-docs.ts',
];

const seen = sources()
  .filter((file) => !WRITERS.includes(file))
  .map((file) => ({ file, ...commandsIn(file, names) }));
const calls = seen.flatMap((one) => one.calls);

test.before(async () => {
  for (const wired of readWired()) tasks.set(wired.name, await loadTask(wired));
});

test('a command to type is made by command(), so that it names environment, config and door', () => {
  const texts = seen.flatMap((one) => one.texts);
  assert.equal(
    texts.map((text) => `${at(text)}  ${text.text}`),
    [],
  );
  assert.ok(calls.length > 100, 'they are looked for where they are');
});

test('a command stands in a sentence by hint``, never as an object in a text', () => {
  assert.equal(seen.flatMap((one) => one.interpolated).map(at), []);
});

test('a task that is named only when it runs is the task that runs', () => {
  const unknown = seen.flatMap((one) => one.unknown).filter(({ file }) => !file.startsWith('packages/kit/src/'));
  assert.equal(unknown.map(at), []);
});

for (const door of ['npm', 'drydock'] as const)
  test(`each of them is understood as it is typed (${door})`, () => {
    const refused = calls.flatMap((call) => {
      try {
        understand(call, door);
        return [];
      } catch (error) {
        return [`${at(call)}  ${(error as Error).message}`];
      }
    });
    assert.equal(refused, []);
  });

/** Typed into a shell, and parsed by the task's own flags. */
function understand({ task: name, flags }: Call, door: 'npm' | 'drydock'): void {
  const task = tasks.get(name);
  if (!task) throw new Error(`there is no task ${name}`);
  const values = Object.entries(flags).map(([key, value]) => [key, value ?? sampleOf(task, key)]);
  const line = typed(command(name, Object.fromEntries(values)), {
    door,
    env: 'production',
    config: '../x.ts',
    confirms: () => true,
  });
  const words = execFileSync('bash', ['-c', `printf '%s\\0' ${line.replace(/^(npm run|npm|npx drydock) /, '')}`], {
    encoding: 'utf8',
  });
  const [typedName, ...argv] = words.split('\0').slice(0, -1);
  assert.is(typedName, name);
  // What only the reader knows, they say.
  parseTaskArgs(
    task,
    argv.map((word) => (word === '…' ? 'because' : word)),
  );
}

/** Something that the flag takes, for a value that is known only when it runs. */
function sampleOf(task: AnyTask, key: string): string | boolean {
  const spec = flagsOf(task)[key];
  if (!spec || spec.type === 'boolean') return true;
  const taken = ['a value', '1', '1h', ...(spec.value ?? '').split('|')].find((sample) => {
    try {
      spec.parse(sample);
      return true;
    } catch {
      return false;
    }
  });
  if (taken === undefined) throw new Error(`nothing is known that --${key} of ${task.name} takes`);
  return taken;
}

test('one that is made without it is found', () => {
  const text = [
    "import { command } from '@drydock/kit';",
    // biome-ignore lint/suspicious/noTemplateCurlyInString: sources to be read.
    'const a = { hint: `Look: npm run db:status -- --env ${env}` };',
    "const b = 'Back up first (npm run db:backup).';",
    // biome-ignore lint/suspicious/noTemplateCurlyInString: as above.
    'const c = `npm run ${task}`;',
    "const d = { next: 'npx drydock db:deploy' };",
    "const e = { examples: ['npm run db:deploy -- --env staging'], about: 'see npm run db:status' };",
    "connect(url, 'drydock db:deploy');",
    "const f = command('db:frobnicate', { nothing: true });",
    // biome-ignore lint/suspicious/noTemplateCurlyInString: as above.
    "const h = command('db:status'); const i = `Look: ${h}`;",
    "const g = command('db:status', { nothing: true });",
  ].join('\n');
  const found = commandsIn('made-up.ts', names, text);
  assert.equal(
    found.texts.map(({ line }) => line),
    [2, 3, 4, 5],
  );
  assert.equal(
    found.calls.map(({ task }) => task),
    ['db:frobnicate', 'db:status', 'db:status'],
  );
  assert.is(found.interpolated.length, 1);
  for (const call of found.calls.filter(({ flags }) => flags.nothing)) assert.throws(() => understand(call, 'npm'));
});

test('what only the reader knows is no value: the hint as it stands is refused', () => {
  assert.throws(() => flag.text({ about: 'why' }).parse('…'), /must be said/);
});

test.run();
