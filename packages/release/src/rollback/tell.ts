import type { Way } from './way.ts';

/** Which row it takes and why, and what it loses, for a person. */
export function describeWay(way: Way): string[] {
  if (way.row === 'switch') return [`by a switch of traffic alone: ${way.why}`];
  if (way.row === 'down')
    return [
      `undo ${way.down.undo.map(({ name }) => name).join(', ')} first: ${way.why}`,
      ...way.down.losses.map(({ rows, what }) => `lose ${counted(rows)} of ${what}`),
    ];
  return [
    `maintenance on, restore ${way.backup} in place, switch, maintenance off: ${way.why}`,
    ...(way.losses ?? []).map(({ rows, table }) => `lose ${counted(rows)} of ${table} that the backup has not`),
    way.losses
      ? 'lose what was changed in other rows since then (that is not counted)'
      : 'lose what was written since then (the backup tells no counts)',
  ];
}

/** Rows that are known to go. */
export function lostRows(way: Way): number {
  if (way.row === 'switch') return 0;
  const losses: { rows: number }[] = way.row === 'down' ? way.down.losses : (way.losses ?? []);
  return losses.reduce((sum, { rows }) => sum + rows, 0);
}

function counted(rows: number): string {
  return rows === 1 ? '1 row' : `${rows.toLocaleString('en')} rows`;
}
