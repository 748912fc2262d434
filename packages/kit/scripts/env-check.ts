#!/usr/bin/env node
import type { LoadedConfig } from '../src/config/load.ts';
import { checkParity, describeSource } from '../src/env/parity.ts';
import type { Environment } from '../src/env/types.ts';
import { toOpsError } from '../src/errors.ts';
import type { Finding } from '../src/finding.ts';
import { command, hint } from '../src/hint.ts';
import type { Json } from '../src/json.ts';
import { unmaskable } from '../src/redact.ts';
import { main } from '../src/task/main.ts';
import { defineReadTask } from '../src/task/types.ts';
import { passwordsIn } from '../src/url-secrets.ts';

const task = defineReadTask({
  name: 'env:check',
  summary: "Checks an environment against the runbook's parity table, and shows where each value comes from.",
  description:
    'Values of secrets are never shown, and nothing is connected to. Exit 3 when a row does not match or a required variable is missing.',
  examples: ['npm run env:check -- --env production', 'npm run env:check -- --env staging --json'],
  async run({ config, env, environment, out }) {
    const parity = checkParity(config, environment);
    out.table(
      ['', 'concern', 'expected', 'actual', 'source'],
      parity.map((row) => [row.ok ? '✔' : '✖', row.concern, row.expected, row.actual, row.source]),
    );
    const variables = Object.keys(config.variables).map((name) => describeVariable(config, environment, name));
    out.line('');
    if (variables.length > 0)
      out.table(
        ['variable', 'value', 'source'],
        variables.map(({ name, value, source }) => [name, value, source]),
      );
    const findings = [
      ...parity.filter((row) => !row.ok).map(mismatch),
      ...variables.flatMap(({ finding }) => (finding ? [finding] : [])),
      ...withheld(environment),
    ];
    const wrong = findings.filter(({ level }) => level === 'error').length;
    return {
      verdict:
        wrong === 0
          ? `${env} is as the runbook wants it.`
          : `${env} differs from the runbook in ${wrong} ${wrong === 1 ? 'place' : 'places'}.`,
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

interface Described {
  name: string;
  value: string;
  source: string;
  finding?: Finding;
}

function describeVariable(config: LoadedConfig, environment: Environment, name: string): Described {
  const spec = config.variables[name];
  const source = describeSource(config, environment, name);
  try {
    const value = spec?.required.includes(environment.name) ? environment.require(name) : environment.get(name);
    if (value === undefined) return { name, value: 'not set', source };
    const parts = spec?.secret ? [value, ...passwordsIn(value)] : [];
    const plain = parts.map((part, i) => ({ what: i === 0 ? name : `The password in ${name}`, ...unmaskable(part) }));
    const told = plain.find(({ code }) => code);
    return {
      name,
      value: spec?.secret ? '***' : value,
      source,
      ...(told?.code ? { finding: { level: 'warn', code: told.code, message: `${told.what} is ${told.why}.` } } : {}),
    };
  } catch (thrown) {
    const { code, message, hint } = toOpsError(thrown);
    return {
      name,
      value: code === 'VARIABLE_MISSING' ? 'missing' : 'malformed',
      source,
      finding: { level: 'error', code, message, hint },
    };
  }
}

export default task;
await main(task, import.meta);
