#!/usr/bin/env node
import { command, defineReadTask, type Finding, hint, type Json, main } from '@drydock/kit';
import { openRotating, secretsNamed, validateNow } from '@drydock/secrets';
import { aroundOf } from './secrets/around.ts';

const task = defineReadTask({
  name: 'secrets:validate',
  summary:
    'Tries the secrets that the environment holds now, as a rotation tries a new one: each instance, the service, a call of your own.',
  description: 'Looks only. Exit 3 where one is refused; what could not be asked is said, and is no yes.',
  examples: ['npm run secrets:validate -- --env staging', 'npm run secrets:validate -- database --env production'],
  words: { value: 'NAME', about: 'secrets, as the config calls them (default: all)' },
  async run(ctx) {
    const { config, env, words, out } = ctx;
    const around = aroundOf(ctx);
    const tried = await Promise.all(
      secretsNamed(config, words).map((name) => validateNow(openRotating(ctx, name, around))),
    );
    out.table(
      ['secret', 'works', 'what was tried'],
      tried.map(({ name, works, says }) => [name, works, says]),
    );
    const findings = tried.flatMap(({ name, works, says }): Finding[] =>
      works === 'yes'
        ? []
        : [
            works === 'no'
              ? {
                  level: 'error',
                  code: 'NOT_VALID',
                  message: `${name}: ${says}`,
                  hint: hint`See where it comes from: ${command('env:check', { env })}`,
                }
              : { level: 'warn', code: 'UNKNOWN', message: `${name}: ${says}` },
          ],
    );
    const bad = tried.filter(({ works }) => works === 'no').length;
    return {
      verdict:
        bad > 0
          ? `${bad} of ${tried.length} secrets of ${env} are refused.`
          : `${tried.filter(({ works }) => works === 'yes').length} of ${tried.length} secrets of ${env} work.`,
      // What did not answer is no yes.
      ok: tried.every(({ works }) => works === 'yes' || works === 'untried'),
      ...(findings.length > 0 && bad === 0 ? { mark: 'warning' as const } : {}),
      findings,
      data: { tried } as unknown as Json,
    };
  },
});

export default task;
await main(task, import.meta);
