#!/usr/bin/env node
import { describeVariables } from '../src/env/described.ts';
import { checkParity } from '../src/env/parity.ts';
import type { Environment } from '../src/env/types.ts';
import type { Finding } from '../src/finding.ts';
import { command, hint } from '../src/hint.ts';
import type { Json } from '../src/json.ts';
import { main } from '../src/task/main.ts';
import { defineReadTask } from '../src/task/types.ts';

const task = defineReadTask({
  name: 'env:check',
  summary: "Checks an environment against the runbook's parity table, and shows where each value comes from.",
  description:
    'Values of secrets are never shown, and nothing is connected to. Exit 3 when a row does not match or a required variable is missing.',
  examples: ['npm run env:check -- --env production', 'npm run env:check -- --env staging --json'],
  async run({ config, env, environment, out }) {
    const parity = checkParity(config, environment);
    if (parity.length > 0) {
      out.table(
        ['', 'concern', 'expected', 'actual', 'source'],
        parity.map((row) => [row.ok ? '✔' : '✖', row.concern, row.expected, row.actual, row.source]),
      );
      out.line('');
    }
    const variables = describeVariables(config, environment);
    if (variables.length > 0)
      out.table(
        ['variable', 'value', 'source'],
        variables.map(({ name, value, source }) => [name, value, source]),
      );
    const findings = [
      ...parity.filter((row) => !row.ok).map(mismatch),
      ...variables.flatMap(({ finding }) => (finding ? [finding] : [])),
      ...environment.notes(),
      ...withheld(environment),
    ];
    const wrong = findings.filter(({ level }) => level === 'error').length;
    return {
      verdict:
        wrong === 0
          ? `${env} is as ${parity.length > 0 ? 'the runbook' : 'the config'} wants it.`
          : `${env} is not as it should be in ${wrong} ${wrong === 1 ? 'place' : 'places'}.`,
      data: {
        parity: parity as unknown as Json,
        variables: variables.map(({ name, value, source }) => ({ name, value, source })),
      },
      findings,
      // What is set was looked at, and nobody was asked whether it is right.
      ...(wrong === 0
        ? { next: hint`${command('health:check')}   (nothing was connected to: a wrong password shows there)` }
        : {}),
    };
  },
});

function mismatch(row: { concern: string; expected: string; actual: string; hint?: string }): Finding {
  return {
    level: 'error',
    code: 'PARITY_MISMATCH',
    message: `${row.concern} is ${row.actual}, expected ${row.expected}.`,
    hint: row.hint,
  };
}

function withheld({ undeclared }: Environment): Finding[] {
  if (undeclared.length === 0) return [];
  return [
    {
      level: 'info',
      code: 'SECRETS_UNDECLARED',
      message: `The product gets none of these of the shell, which no config declares: ${undeclared.join(', ')}.`,
      hint: `If one is the product's, say so in drydock.config.ts: variables: { ${undeclared[0]}: { secret: true, example: '…', about: '…' } }`,
    },
  ];
}

export default task;
await main(task, import.meta);
