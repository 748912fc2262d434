#!/usr/bin/env node
import { command, defineReadTask, hint, type Json, main } from '@drydock/kit';
import { foresee, openRotating, secretsNamed, stagingGate } from '@drydock/secrets';
import { aroundOf } from './secrets/around.ts';

const task = defineReadTask({
  name: 'secrets:plan',
  summary:
    'Says what a rotation costs: overlap, seconds of outage, what is started again, who reads it, and whether it may begin here.',
  examples: ['npm run secrets:plan -- --env production', 'npm run secrets:plan -- database --env staging'],
  words: { value: 'NAME', about: 'secrets, as the config calls them (default: all)' },
  async run(ctx) {
    const { config, environmentOf, env, words, out } = ctx;
    const around = aroundOf(ctx);
    const runs = await around.product.describe();
    const plans = await Promise.all(
      secretsNamed(config, words).map(async (name) => ({
        gate: await stagingGate(config, environmentOf, env, name),
        ...(await foresee(openRotating(ctx, name, around), runs)),
      })),
    );
    out.table(
      ['secret', 'kind', 'old and new', 'requests fail for', 'settles', 'starts again', 'read by', 'may begin'],
      plans.map(({ name, kind, procedure, restarts, readers, gate, stands }) => [
        name,
        kind,
        procedure ? (procedure.overlap === 'both' ? 'together' : 'never together') : '?',
        procedure ? `${procedure.outageSeconds} s` : '?',
        procedure ? `${procedure.settleSeconds} s` : '?',
        restarts,
        readers.join(', '),
        stands ?? (gate.open ? 'yes' : gate.says),
      ]),
    );
    if (plans.length === 1) for (const line of plans[0]?.procedure?.says ?? []) out.line(`  ${line}`);
    const stopped = plans.filter(({ gate, stands }) => stands !== undefined || !gate.open);
    const [free] = plans.filter((plan) => !stopped.includes(plan));
    return {
      verdict:
        plans.length === 0
          ? 'No secret is under rotation (secrets.rotate of the config).'
          : `${plans.length - stopped.length} of ${plans.length} could be rotated in ${env} now.`,
      mark: 'plain',
      data: { plans } as unknown as Json,
      ...(free ? { next: hint`${command('secrets:rotate', { env }, free.name)}` } : {}),
    };
  },
});

export default task;
await main(task, import.meta);
