import { type Json, markdownText } from '@drydock/kit';

/** Of the audit event `secret.rotated`. */
export interface Rotation {
  at: string;
  env: string;
  actor: string;
  run: string;
  reason: string | null;
  metadata: { [key: string]: Json };
}

/** The document that section 6 of the runbook names: "document rotation date in OPERATIONS_SECRETS_ROTATION.md". */
export const rotationTable = {
  title: '# Rotation of secrets',
  heading: '## Rotations',
  columns: ['date (UTC)', 'environment', 'secret', 'variables', 'by', 'why', 'run', 'next due', 'the old one'],
  cells: ({ at, env, actor, run, reason, metadata }: Rotation): string[] => {
    const { secret, variables, generation, emergency, nextDue, proof } = metadata;
    const why = [emergency === true ? 'emergency' : '', reason ?? ''].filter(Boolean).join(': ');
    return [
      at.slice(0, 16).replace('T', ' '),
      ...[env, `${textOf(secret)}${typeof generation === 'number' ? `, generation ${generation}` : ''}`],
      ...[Array.isArray(variables) ? variables.map(textOf).join(', ') : '', actor, why, run],
      ...[textOf(nextDue).slice(0, 10), provenBy(proof)],
    ].map((cell, i) => (i === 0 ? cell : markdownText(cell)));
  },
};

/** A run may rotate several: its row is known by both. In a comment no two dashes may stand together. */
export function rowOf({ run, metadata }: Pick<Rotation, 'run' | 'metadata'>): string {
  return [run, textOf(metadata.secret).replaceAll('--', '-.')].filter(Boolean).join('.');
}

/** `dead: login as app_a: password authentication failed`; one that could not be tried is `unknown`. */
function provenBy(proof: Json | undefined): string {
  if (typeof proof !== 'object' || proof === null || Array.isArray(proof)) return 'not tried';
  return [proof.verdict, proof.says].map(textOf).filter(Boolean).join(': ');
}

function textOf(value: Json | undefined): string {
  return typeof value === 'string' ? value : '';
}
