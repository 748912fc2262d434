import type { Node, Statement } from '../migrations/statements.ts';

/** A type as its CREATE TYPE will have it. */
interface Type {
  node: Node;
  values: { made: string; now: string }[];
}

/**
 * A value that the same transaction adds cannot be used in it (PostgreSQL manual, ALTER TYPE): in a squash the type has it from the beginning.
 */
export class Enums {
  #types = new Map<string, Type>();

  /** The statement as it is kept: a tree that may still change, itself, or nothing. */
  take({ node }: Pick<Statement, 'node'>): 'as it is' | 'gone' | Node {
    const { CreateEnumStmt, AlterEnumStmt, RenameStmt, DropStmt } = node;
    if (CreateEnumStmt) {
      const own = structuredClone(node);
      const values = ((CreateEnumStmt.vals ?? []) as Node[]).map(({ String: text }) => text?.sval ?? '');
      this.#types.set(keyOf(CreateEnumStmt.typeName), {
        node: own,
        values: values.map((made) => ({ made, now: made })),
      });
      return own;
    }
    if (AlterEnumStmt) return this.#alter(AlterEnumStmt);
    if (RenameStmt?.renameType === 'OBJECT_TYPE') {
      const items = (RenameStmt.object as Node | undefined)?.List?.items;
      const type = this.#types.get(keyOf(items));
      this.#types.delete(keyOf(items));
      const renamed = [...((items ?? []) as Node[]).slice(0, -1), { String: { sval: RenameStmt.newname ?? '' } }];
      if (type) this.#types.set(keyOf(renamed), type);
    }
    if (DropStmt?.removeType === 'OBJECT_TYPE')
      for (const { TypeName } of (DropStmt.objects ?? []) as Node[]) this.#types.delete(keyOf(TypeName?.names));
    return 'as it is';
  }

  #alter(alter: NonNullable<Node['AlterEnumStmt']>): 'as it is' | 'gone' {
    const { typeName, oldVal, newVal = '', newValNeighbor, newValIsAfter, skipIfNewValExists } = alter;
    const type = this.#types.get(keyOf(typeName));
    if (!type) return 'as it is';
    const at = (name: string) => type.values.findIndex(({ now }) => now === name);
    if (oldVal) {
      const renamed = type.values[at(oldVal)];
      if (renamed) renamed.now = newVal;
      return 'as it is';
    }
    if (at(newVal) >= 0) return skipIfNewValExists ? 'gone' : 'as it is';
    // By another name it was there from the beginning.
    if (type.values.some(({ made }) => made === newVal)) return 'as it is';
    const beside = newValNeighbor === undefined ? type.values.length : at(newValNeighbor) + (newValIsAfter ? 1 : 0);
    type.values.splice(beside, 0, { made: newVal, now: newVal });
    if (type.node.CreateEnumStmt)
      type.node.CreateEnumStmt.vals = type.values.map(({ made }) => ({ String: { sval: made } }));
    return 'gone';
  }
}

function keyOf(names: unknown): string {
  const parts = ((names ?? []) as Node[]).map(({ String: text }) => text?.sval ?? '');
  return JSON.stringify([parts.at(-2) ?? 'public', parts.at(-1)]);
}
