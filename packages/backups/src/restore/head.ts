import { decoded } from '../archive/encoding.ts';
import { type DataEntry, readToc, type Toc, type TocObject, Truncated } from '../archive/toc.ts';
import { restoreFailed, runPgRestore } from './pg-restore.ts';
import { type Properties, readProperties } from './properties.ts';
import { readSaid } from './said.ts';

/** What the beginning of an archive tells: of the database itself, and of which tables it has rows. */
export interface Head {
  properties: Properties;
  /** Undefined where its table of contents is of a version that is not known. */
  tables: NonNullable<DataEntry['table']>[] | undefined;
  /** Statements of rights on what the archive does not create; undefined as above. */
  foreignRights: string[] | undefined;
  /** What is in it; undefined as above. */
  objects: TocObject[] | undefined;
}

/** No schema has it: with it pg_restore writes what belongs to no schema but reacts to --create, which is the database. */
const NO_SCHEMA = 'drydock: no schema';

/** Reads no further than it must. */
export async function readHead(
  plain: AsyncIterable<Buffer>,
  { noOwner, signal }: { noOwner: boolean; signal?: AbortSignal | undefined },
): Promise<Head> {
  const [head, script]: [Buffer[], Buffer[]] = [[], []];
  const kept = async function* () {
    for await (const chunk of plain) {
      head.push(Buffer.from(chunk));
      yield chunk;
    }
  };
  const args = ['--create', '--schema-only', `--schema=${NO_SCHEMA}`, '--file=-'];
  const { code, said } = await runPgRestore([...args, ...(noOwner ? ['--no-owner', '--no-privileges'] : [])], {
    input: kept(),
    signal,
    onOutput: (chunk) => script.push(chunk),
  });
  if (code !== 0) throw restoreFailed(code, readSaid(said), said);
  const toc = tocOf(Buffer.concat(head));
  return {
    properties: await readProperties(decoded(Buffer.concat(script), toc?.encoding ?? 'UTF8')),
    tables: toc?.entries.flatMap(({ table }) => (table ? [table] : [])),
    foreignRights: toc?.foreignRights,
    objects: toc?.objects,
  };
}

function tocOf(bytes: Buffer): Toc | undefined {
  try {
    return readToc(bytes);
  } catch (error) {
    if (error instanceof Truncated) return undefined;
    throw error;
  }
}
