import { type Json, markdownText } from '@drydock/kit';

/** Of the audit event `secret.rotated`. */
export interface Rotation {
  at: string;
  env: string;
  actor: string;
  reason: string | null;
  metadata: { [key: string]: Json };
}

/** The document that section 6 of the runbook names: "document rotation date in OPERATIONS_SECRETS_ROTATION.md". */
export const rotationTable = {
  title: '# Rotation of secrets',
  heading: '## Rotations',
  columns: ['date (UTC)', 'environment', 'secret', 'by', 'why', 'next due'],
  cells: ({ at, env, actor, reason, metadata }: Rotation): string[] => [
    at.slice(0, 16).replace('T', ' '),
    ...[env, textOf(metadata.secret), actor, reason ?? '', textOf(metadata.nextDue)].map(markdownText),
  ],
};

function textOf(value: Json | undefined): string {
  return typeof value === 'string' ? value : '';
}
