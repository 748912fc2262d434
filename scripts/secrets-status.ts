#!/usr/bin/env node
import { command, defineReadTask, type Finding, hint, type Json, main } from '@drydock/kit';
import { type SecretStatus, secretStatus, secretsNamed } from '@drydock/secrets';
import { aroundOf } from './secrets/around.ts';

const task = defineReadTask({
  name: 'secrets:status',
  summary: 'Age, limit and state of each secret, who uses which, and where files, stores and what runs differ.',
  description:
    'Exit 3 where one is overdue or something differs. What does not answer within a second is said, and waited for no longer.',
  examples: ['npm run secrets:status -- --env production', 'npm run secrets:status -- --env staging --json'],
  words: { value: 'NAME', about: 'secrets, as the config calls them (default: all)' },
  async run(ctx) {
    const { config, env, words, out } = ctx;
    const names = secretsNamed(config, words);
    const { secrets, unknown } = await secretStatus(ctx, names, aroundOf(ctx));
    out.table(
      ['secret', 'age', 'every', 'state', 'read from', 'product', 'old one used by'],
      secrets.map(({ name, ageDays, everyDays, overdue, state, from, product, stragglers }) => [
        name,
        ageDays === null ? 'not known' : `${ageDays} d${overdue ? ', overdue' : ''}`,
        `${everyDays} d`,
        state,
        from,
        product,
        stragglers === 0 ? '' : String(stragglers),
      ]),
    );
    const overdue = secrets.filter((secret) => secret.overdue);
    const findings: Finding[] = [
      ...overdue.map(
        ({ name, everyDays, due }): Finding => ({
          level: 'error',
          code: 'SECRET_OVERDUE',
          message: `${name} is older than ${everyDays} days: it was due ${due?.slice(0, 10)}`,
          hint: command('secrets:rotate', { env }, name),
        }),
      ),
      ...secrets.flatMap(({ drift }) => drift),
      ...unknownOf(secrets),
      ...unknown.map((message): Finding => ({ level: 'warn', code: 'UNKNOWN', message })),
    ];
    const waiting = secrets.find(({ state }) => state.startsWith('waits'));
    const wrong = secrets.filter(({ drift }) => drift.some(({ level }) => level === 'error'));
    const [first] = overdue;
    return {
      verdict:
        secrets.length === 0
          ? 'No secret is under rotation (secrets.rotate of the config).'
          : `${secrets.length} secrets of ${env}: ${overdue.length || 'none'} overdue, ${wrong.length || 'none'} not as ${wrong.length === 1 ? 'it' : 'they'} should be.`,
      findings,
      ...(secrets.length === 0 || findings.length > 0 ? { mark: 'warning' as const } : {}),
      data: { secrets } as unknown as Json,
      ...(waiting
        ? { next: hint`${command('secrets:rotate', { env, continue: true }, waiting.name)}` }
        : first
          ? { next: command('secrets:rotate', { env }, first.name) }
          : {}),
    };
  },
});

/** What could not be asked for one reason is said once. */
function unknownOf(secrets: readonly SecretStatus[]): Finding[] {
  const all = secrets.flatMap(({ name, unknown }) => unknown.map((what) => ({ name, what })));
  return [...Map.groupBy(all, ({ what }) => what)].map(([what, of]) => ({
    level: 'warn',
    code: 'UNKNOWN',
    message: `${of.map(({ name }) => name).join(', ')}: ${what}`,
  }));
}

export default task;
await main(task, import.meta);
