#!/usr/bin/env node
import {
  askSecret,
  command,
  defineReadTask,
  type Finding,
  flag,
  type Hint,
  main,
  OpsError,
  usageError,
} from '@drydock/kit';
import { findLeaked, type Match } from '../src/leaked/find.ts';
import { knownOf } from '../src/leaked/known.ts';

const task = defineReadTask({
  name: 'secrets:leaked',
  summary:
    'Tells which secret a value is, or is a part of, and what to type; the value is typed or piped, never an argument.',
  description:
    'Looks through env files, what is sealed, what they held before, stores and the record of every environment, by value and by fingerprint: also for the\n' +
    'password in an address, one key of a ring, an assignment, a line of a log. Never shows it. Exit 3 when it is one of ours, 0 when it is none.',
  examples: ['npm run -s secrets:leaked < FILE', 'npm run secrets:leaked -- --env production'],
  perEnvironment: false,
  flags: { env: flag.environment({ about: 'look in this environment alone (default: in all)' }) },
  async run({ config, flags, environmentOf, signal, typed, out }) {
    const text = await askSecret('What has leaked', signal);
    if (text.trim() === '')
      throw usageError('NOTHING_GIVEN', 'There is nothing to look for.', 'Give it on standard input: … < FILE');
    const environments = flags.env ? [flags.env] : Object.keys(config.environments);
    const matches: Match[] = [];
    const unknown: string[] = [];
    for (const env of environments) {
      const known = await knownOf(config, environmentOf(env), signal);
      matches.push(...findLeaked(text, known));
      unknown.push(...known.unknown.map((what) => what.replace(/\.$/, '')));
    }
    for (const what of unknown) out.warn(`Not looked at: ${what}.`);
    if (matches.length === 0 && unknown.length > 0) throw untold(unknown);
    if (matches.length > 0)
      out.table(
        ['environment', 'variable', 'what', 'state', 'generation', 'found in'],
        matches.map((one) => [one.env, one.variable, one.part, one.state, String(one.generation ?? '?'), one.where]),
      );
    const todo = matches.filter(({ state }) => !['retired', 'withdrawn'].includes(state)).flatMap(stepsFor);
    const [first] = todo;
    return {
      ok: matches.length === 0,
      verdict:
        matches.length === 0
          ? `It is no secret of ${environments.join(', ')} that is known here.`
          : first
            ? `It is ours: ${names(matches)}.`
            : `It was ours: ${names(matches)}, and is in use no more.`,
      data: { matches, commands: todo.map(({ hint }) => typed(hint)), unknown },
      findings: todo.map(({ message, hint }): Finding => ({ level: 'error', code: 'SECRET_LEAKED', message, hint })),
    };
  },
});

function names(matches: readonly Match[]): string {
  return [...new Set(matches.map(({ env, variable }) => `${variable} of ${env}`))].join(', ');
}

function stepsFor({ env, variable, part, secrets }: Match): { message: string; hint: Hint }[] {
  const message = `${part === 'the value' ? variable : `${variable} (${part})`} of ${env} is known to others.`;
  if (secrets.length === 0)
    return [
      {
        message,
        hint: `It is not under rotation: replace it at its service and in the env file, and put it under secrets.rotate.`,
      },
    ];
  return secrets.map((name) => ({
    message,
    hint: command('secrets:rotate', { env, emergency: true, reason: '…' }, name),
  }));
}

function untold(unknown: readonly string[]): OpsError {
  return new OpsError({
    code: 'UNKNOWN',
    message: `It is none of what could be looked at; but not all could: ${unknown.join('; ')}.`,
    hint: 'Run it again where that answers, or as somebody whose key opens it.',
  });
}

export default task;
await main(task, import.meta);
