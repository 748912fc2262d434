import { command } from '@drydock/kit';
import { stringify } from 'yaml';
import { alertingGroup } from './alerting.ts';
import { dashboard } from './dashboard.ts';
import type { RulesPlan } from './plan.ts';
import { recordingGroups } from './recording.ts';
import { alertmanagerConfig } from './routes.ts';
import { testFiles } from './unit-tests.ts';

export interface RulesFile {
  name: string;
  what: string;
  text: string;
}

/** All that is written for an environment. */
export function rulesFiles(plan: RulesPlan): RulesFile[] {
  const { env } = plan;
  const head = `# Written by "${plan.typed(command('health:rules', { env }))}" from drydock.config.ts: change it there.\n`;
  const yaml = (value: object) => head + stringify(value, { lineWidth: 0, aliasDuplicateObjects: false });
  const recording = recordingGroups(plan);
  const alerting = alertingGroup(plan);
  const order = [...recording, alerting].map(({ name }) => name);
  return [
    { name: RULES, what: 'recording and alerting rules', text: yaml({ groups: [...recording, alerting] }) },
    ...testFiles(plan).map(({ name, evaluation, tests }) => ({
      name,
      what: 'unit tests for promtool',
      text: yaml({ rule_files: [RULES], evaluation_interval: evaluation, group_eval_order: order, tests }),
    })),
    { name: 'alertmanager.yml', what: 'routes of Alertmanager', text: yaml(alertmanagerConfig(plan)) },
    { name: 'dashboard.json', what: 'a dashboard for Grafana', text: `${JSON.stringify(dashboard(plan), null, 2)}\n` },
  ];
}

const RULES = 'rules.yml';
