import { quoteIdentifier as q } from '@drydock/kit';
import type { Step } from '../migrations/note.ts';
import type { Node } from '../migrations/statements.ts';
import { partitionOf } from '../seen/facts.ts';
import { inTurn } from './nodes.ts';
import { about, type Rule, weigh } from './types.ts';

/** A partition that comes or goes: what its rows are checked for, and whom that blocks. */
export const partitionRule: Rule = (situation) => {
  const { AlterTableStmt, CreateStmt } = situation.node;
  const cmds = ((AlterTableStmt?.cmds ?? []) as Node[]).flatMap(({ AlterTableCmd }) => AlterTableCmd ?? []);
  const detach = cmds.find(({ subtype }) => subtype === 'AT_DetachPartition');
  if (detach && AlterTableStmt) return detached(situation, AlterTableStmt, detach);
  const part = partitionOf(situation.node);
  const { observed, bound, rowsOf, node, tableOf, limits } = situation;
  // By the text alone what it must be is not known: that it is read is.
  if (!part || (!bound && !limits.sizesUnknown)) return [];
  const parent = tableOf(AlterTableStmt?.relation ?? (CreateStmt?.inhRelations?.[0] as Node | undefined)?.RangeVar);
  const own = tableOf(part)?.label;
  // Beside it the partition that takes what fits nowhere else: what belongs into the new one must not be there.
  const beside = new Set(parent?.leaves.map(({ label }) => label));
  const read = observed.read
    .map(({ relation }) => relation)
    .filter((label) => (label === own || beside.has(label)) && rowsOf(label) > 0);
  if (read.length === 0) return [];
  const rows = Math.max(...read.map(rowsOf));
  const level = weigh({ rows }, situation);
  if (!level) return [];
  // Where all rows are known to fit, none is read: PostgreSQL manual, 5.12.2.
  const check = (label: string) => q(`${bare(label)}_fits`.slice(0, 63));
  const recipe: Step[] = !bound
    ? []
    : inTurn(
        ...read.flatMap((label) => [
          [
            `ALTER TABLE ${label} ADD CONSTRAINT ${check(label)} CHECK (${label === own ? bound : `NOT (${bound})`}) NOT VALID;`,
          ],
          [`ALTER TABLE ${label} VALIDATE CONSTRAINT ${check(label)};`],
        ]),
        [node],
        ...read.map((label) => [`ALTER TABLE ${label} DROP CONSTRAINT ${check(label)};`]),
      );
  return [
    {
      level,
      code: 'CONSTRAINT_VALIDATES',
      message: `reads all rows of ${read.join(', ')} (${about(rows)}) to see whether they fit, and blocks reads and writes of it meanwhile`,
      ...(bound
        ? { recipe }
        : {
            hint: 'Say by a CHECK that all rows fit, NOT VALID and then validated, in migrations before this one: PostgreSQL then reads none.',
          }),
      tables: observed.locks.map(({ relation }) => relation),
    },
  ];
};

function detached(
  situation: Parameters<Rule>[0],
  { relation }: NonNullable<Node['AlterTableStmt']>,
  cmd: NonNullable<Node['AlterTableCmd']>,
): ReturnType<Rule> {
  const { limits, tableOf, facts } = situation;
  const table = tableOf(relation);
  const part = ((cmd.def ?? {}) as Node).PartitionCmd;
  // Beside a DEFAULT partition there is no other way.
  if (!table || !relation || !part || part.concurrent || facts.get(table.label)?.partitions.rest !== false) return [];
  if (table.rows < limits.largeTableRows) return [];
  return [
    {
      level: 'warn',
      code: 'PARTITION_DETACHED',
      message: `takes a partition out of ${table.label} (${about(table.rows)}) and lets all reads and writes of it wait until it has its lock`,
      hint: 'CONCURRENTLY, alone in a migration of its own.',
      recipe: [
        {
          AlterTableStmt: {
            relation,
            objtype: 'OBJECT_TABLE',
            cmds: [
              {
                AlterTableCmd: {
                  ...cmd,
                  def: { PartitionCmd: { ...part, concurrent: true } },
                },
              },
            ],
          },
        } as Node,
      ],
    },
  ];
}

/** The last part of a label, without its quotes. */
function bare(label: string): string {
  return (/(?:^|\.)("(?:[^"]|"")+"|[^."]+)$/.exec(label)?.[1] ?? label).replaceAll(/^"|"$/g, '').replaceAll('""', '"');
}
