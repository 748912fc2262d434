import { compareInventories, type Difference, type Inventory } from '@drydock/kit/inventory';

/** What migrations make, as a list that can be journalled: key, definition, validity. */
export type Promised = [key: string, definition: string, valid: boolean][];

/** What scripts did to a copy, and must do to the target: what is gone, and what is there, new or not as it was. */
export type Changes = { gone: string[]; there: Promised };

const RIGHT = /^right of /;
/** Whose a thing is and who may what with it; what of a database is no part of it: a copy may have that otherwise. */
const ACCESS = /^(owner of|right of|default rights of) /;
const OF_THE_SERVER =
  /^(version of extension |owner of extension |setting of the database |subscription |user mapping |(owner of|right of .+ on) (the database|schema public)$)/;

/** `access`: whether the copy had the owners and rights of the target while the scripts ran. */
export function whatChanged(before: Inventory, after: Inventory, { access = true } = {}): Changes {
  const { added, changed, lost } = compareInventories(before, after, { names: true });
  const counts = (key: string) => !OF_THE_SERVER.test(key) && (access || !ACCESS.test(key));
  const there = [...added, ...changed].filter(counts).flatMap((key): Promised => {
    const item = after.get(key);
    if (!item) return [];
    if (!RIGHT.test(key)) return [[key, item.definition, item.valid]];
    // Others may have been given on the target what they were not given on the copy.
    const given = item.definition === 'none' ? 'none' : more(before.get(key)?.definition, item.definition);
    return given ? [[key, given, true]] : [];
  });
  return { gone: lost.filter((key) => counts(key) && !ACCESS.test(key)), there };
}

/** Privileges of the second list that are not in the first. */
function more(had: string | undefined, has: string): string {
  const before = new Set(had?.split(', '));
  return has
    .split(', ')
    .filter((privilege) => !before.has(privilege))
    .join(', ');
}

/** What of it is not on the target, or not the same. */
export function unlikePromised(promised: Promised, actual: Inventory): Pick<Difference, 'lost' | 'changed'> {
  const wanted: Inventory = new Map(promised.map(([key, definition, valid]) => [key, { definition, valid }]));
  const { lost, changed } = compareInventories(wanted, actual);
  return {
    lost,
    changed: changed.filter((key) => {
      const [want, is] = [wanted.get(key), actual.get(key)];
      if (RIGHT.test(key) && want && is)
        return want.definition === 'none' || more(is.definition, want.definition) !== '';
      // More valid than was promised is no fault.
      return want?.definition !== is?.definition || (want?.valid && !is?.valid);
    }),
  };
}

/** Everything that migrations made of an empty database, but for what comes from the role and the server that made it. */
export function asMade(made: Inventory): Inventory {
  const makers = new Set([made.get('owner of the database')?.definition]);
  const byMaker = (name: string) => makers.has(name) || name.startsWith('drydock_scratch_');
  return new Map(
    [...made].filter(([key, { definition }]) => {
      if (OF_THE_SERVER.test(key) || key.startsWith('default rights of ')) return false;
      if (key.startsWith('owner of ')) return !byMaker(definition);
      return !byMaker(/^right of (.+?) on /.exec(key)?.[1] ?? '');
    }),
  );
}

/** What whoever runs the server brings into a database beside what its migrations make. */
const OPERATORS_OWN =
  /^(owner of|right of|default rights of|extension|version of extension|publication|subscription|event trigger|foreign data wrapper|server|user mapping of|language|setting of the database) /;
/** But a right that everybody was given on something of the product's: that is seldom meant. */
const FOR_ALL = /^right of PUBLIC on (table|view|materialized view|sequence|column|function|type) [^(]+\./;

/** Where nothing but the migrations tell what should be there. */
export function unlikeMade(made: Inventory, actual: Inventory): Difference {
  const { added, lost, changed } = compareInventories(asMade(made), actual);
  return {
    // What `asMade` leaves out is not new.
    added: added.filter(
      (key) =>
        !made.has(key) && (!OPERATORS_OWN.test(key) || (FOR_ALL.test(key) && actual.get(key)?.definition !== 'none')),
    ),
    lost,
    changed,
  };
}

/** What makes a constraint or an index valid that is there and is not. */
export function howMadeValid(key: string, definition: string): string {
  if (!key.startsWith('index ')) return 'ALTER TABLE … VALIDATE CONSTRAINT';
  // As PostgreSQL prints that of a partitioned table.
  return / ON ONLY /.test(definition)
    ? 'It is valid once each partition has one that belongs to it: ALTER INDEX … ATTACH PARTITION …'
    : 'REINDEX INDEX CONCURRENTLY, or drop it and build it again.';
}
