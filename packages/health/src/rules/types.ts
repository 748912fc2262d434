/** A rule as Prometheus reads it from YAML. */
export interface RecordingRule {
  record: string;
  expr: string;
  labels: Record<string, string>;
}

export interface AlertingRule {
  alert: string;
  expr: string;
  for?: string;
  labels: Record<string, string>;
  annotations: { summary: string; description: string; next: string };
}

export interface RuleGroup {
  name: string;
  interval: string;
  rules: (RecordingRule | AlertingRule)[];
}

/** Names of what is recorded: level, metric, operations, as Prometheus advises. */
export const RECORDED = {
  bad: (window: string) => `drydock:bad:ratio_rate${window}`,
  quantile: (window: string) => `drydock:latency_seconds:quantile_rate${window}`,
  usage: (id: 'cpu' | 'gc', window: string) => `drydock:${id}:ratio_rate${window}`,
};

export const ALERTS = {
  budget: 'DrydockBudgetBurn',
  cpu: 'DrydockCpuHigh',
  latency: 'DrydockLatencyHigh',
  churn: 'DrydockMemoryChurn',
  growth: 'DrydockMemoryGrowth',
  absent: 'DrydockMetricsAbsent',
};

/** As promtool reads it. */
export interface UnitTest {
  name: string;
  interval: string;
  input_series: { series: string; values: string }[];
  alert_rule_test: { eval_time: string; alertname: string; exp_alerts: ExpectedAlert[] }[];
}

export interface ExpectedAlert {
  exp_labels: Record<string, string>;
  exp_annotations: Record<string, string>;
}

/** Labels and annotations as they are when it goes off. */
export function expected({ labels, annotations }: AlertingRule, more: Record<string, string> = {}): ExpectedAlert {
  const filled = (text: string) => text.replace(/\{\{ \$labels\.(\w+) \}\}/g, (_, label) => more[label] ?? '');
  return {
    exp_labels: { ...labels, ...more },
    exp_annotations: Object.fromEntries(Object.entries(annotations).map(([key, text]) => [key, filled(text)])),
  };
}
