// Uses no service: the examples of every task, as --help prints them.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type AnyTask, loadTask, parseTaskArgs, readWired, TOOLKIT } from '@drydock/kit/cli';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

const test = suite('examples');

const { scripts } = JSON.parse(readFileSync(join(TOOLKIT, 'package.json'), 'utf8')) as {
  scripts: Record<string, string>;
};
const tasks: AnyTask[] = [];
test.before(async () => {
  for (const wired of readWired()) tasks.push(await loadTask(wired));
});

test('every task has one', () => {
  assert.equal(
    tasks.filter(({ examples = [] }) => examples.length === 0).map(({ name }) => name),
    [],
  );
});

test('each is a line to paste, for its own task, that is understood', () => {
  const refused = tasks.flatMap((task) =>
    (task.examples ?? []).flatMap((example) => {
      try {
        understand(task, example);
        return [];
      } catch (error) {
        return [`${example}: ${(error as Error).message}`];
      }
    }),
  );
  assert.equal(refused, []);
});

/** What of it is the task's own line, as a shell reads it; what stands around it is no business of ours. */
function understand(task: AnyTask, example: string): void {
  // The short name of a task that the runbook calls so.
  const names = [task.name, ...Object.keys(scripts).filter((name) => scripts[name] === scripts[task.name])].join('|');
  const called = new RegExp(
    `\\b(?:npm (?:run )?(?:-s )?(?:${names})|node scripts/${task.name}\\.ts)(?= |$)(.*?)(?= (?:[|<>]|&&) |\\)|$)`,
  );
  const [, flags] = called.exec(example) ?? [];
  if (flags === undefined) {
    assert.not.match(example, /npm run|npx drydock/, 'it is for another task');
    return;
  }
  const words = execFileSync('bash', ['-c', `printf '%s\\0' ${flags}`], { encoding: 'utf8' })
    .split('\0')
    .slice(0, -1);
  const args = words.filter((word, at) => word !== '' || at > 0);
  if (example.includes('npm') && args.length > 0) assert.is(args[0], '--', 'npm keeps the flags before it');
  parseTaskArgs(task, args);
}

test.run();
