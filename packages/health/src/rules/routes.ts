import { usageError } from '@drydock/kit';
import type { RulesPlan } from './plan.ts';
import { ALERTS } from './types.ts';

/** A whole configuration for Alertmanager, to be used as it is or merged into one that is there. */
export function alertmanagerConfig(plan: RulesPlan): object {
  const { product, env } = plan;
  const { receivers } = plan.health.rules;
  const severities = [...new Set(['page', 'ticket', ...plan.windows.map(({ severity }) => severity)])];
  const unused = Object.keys(receivers).filter((name) => !severities.includes(name));
  if (unused.length > 0)
    throw usageError(
      'RECEIVER_UNUSED',
      `health.rules.receivers has ${unused.join(', ')}, and no alert of that severity.`,
      `The severities are ${severities.join(', ')}: see health.rules.windows.`,
    );
  const [first = 'page'] = severities;
  const mine = (severity: string) => [
    `product=${JSON.stringify(product)}`,
    `env=${JSON.stringify(env)}`,
    `severity=${JSON.stringify(severity)}`,
  ];
  return {
    route: {
      receiver: first,
      // One message for all that one fault sets off.
      group_by: ['product', 'env', 'alertname', 'objective'],
      group_wait: '30s',
      group_interval: '5m',
      repeat_interval: '4h',
      routes: severities.map((severity) => ({
        matchers: mine(severity),
        receiver: severity,
        ...(severity === 'page' ? {} : { repeat_interval: '1d' }),
      })),
    },
    inhibit_rules: [
      // What wakes somebody need not be told again as a ticket, and without metrics nothing else is known.
      ...severities
        .filter((severity) => severity !== first)
        .map((severity) => ({
          source_matchers: [`severity=${JSON.stringify(first)}`],
          target_matchers: [`severity=${JSON.stringify(severity)}`],
          equal: ['product', 'env', 'objective'],
        })),
      {
        source_matchers: [`alertname="${ALERTS.absent}"`],
        target_matchers: [`alertname=~"Drydock.+"`, `alertname!="${ALERTS.absent}"`],
        equal: ['product', 'env'],
      },
    ],
    receivers: severities.map((name) => ({ name, ...receivers[name] })),
  };
}
