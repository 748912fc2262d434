/** A project as Prisma's own CLI leaves it after some years: its schema, and its migrations in order. */
export interface ForeignProject {
  schema: string;
  migrations: Record<string, string>;
}

interface Model {
  name: string;
  parent: string | undefined;
  children: string[];
  /** Lines of the model besides its key and relations. */
  fields: Map<string, string>;
  attributes: string[];
}

const NAMES = ['table', 'column', 'enum', 'unique', 'change', 'touch', 'rows'];

/** `count` migrations: new tables with keys and indexes, columns added, filled, retyped and dropped, enums that grow, functions with triggers, rows. */
export function foreignProject(count: number): ForeignProject {
  const models: Model[] = [];
  const enums: string[] = [];
  const migrations: Record<string, string> = {};
  for (let at = 0; at < count; at++) {
    const sql = KINDS[at % KINDS.length]?.(models, enums, at) ?? '';
    migrations[`${20200101000000 + at}_${NAMES[at % KINDS.length]}`] = sql;
  }
  return { migrations, schema: [...models.map(writeModel), ...enums].join('\n\n') };
}

const KINDS: ((models: Model[], enums: string[], at: number) => string)[] = [
  function createTable(models, _, at) {
    const [name, parent] = [`Table${at}`, models.at(-1)];
    const fields = new Map([
      ['title', 'String'],
      ['createdAt', 'DateTime @default(now())'],
      ['amount', 'Decimal @db.Decimal(10, 2)'],
    ]);
    models.push({ name, parent: parent?.name, children: [], fields, attributes: ['@@index([createdAt])'] });
    parent?.children.push(name);
    const key = `CONSTRAINT "${name}_pkey" PRIMARY KEY ("id")`;
    const reference = parent ? '\n    "parentId" BIGINT,' : '';
    const foreign = parent
      ? `\n-- AddForeignKey\nALTER TABLE "${name}" ADD CONSTRAINT "${name}_parentId_fkey" FOREIGN KEY ("parentId") REFERENCES "${parent.name}"("id") ON DELETE SET NULL ON UPDATE CASCADE;\n`
      : '';
    return `-- CreateTable\nCREATE TABLE "${name}" (\n    "id" BIGSERIAL NOT NULL,\n    "title" TEXT NOT NULL,\n    "createdAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,\n    "amount" DECIMAL(10,2) NOT NULL,${reference}\n\n    ${key}\n);\n\n-- CreateIndex\nCREATE INDEX "${name}_createdAt_idx" ON "${name}"("createdAt");\n${foreign}`;
  },
  function addColumn(models) {
    const model = last(models);
    model.fields.set('note', 'String?').set('flag', 'Boolean @default(false)');
    return `-- AlterTable\nALTER TABLE "${model.name}" ADD COLUMN     "flag" BOOLEAN NOT NULL DEFAULT false,\nADD COLUMN     "note" TEXT;\n\n-- Backfill\nUPDATE "${model.name}" SET "note" = "title" WHERE "note" IS NULL;\n`;
  },
  function createEnum(models, enums, at) {
    const [model, name] = [last(models), `Kind${at}`];
    enums.push(`enum ${name} {\n  NEW\n  OLD\n  GONE\n}`);
    model.fields.set('kind', `${name} @default(NEW)`);
    return `-- CreateEnum\nCREATE TYPE "${name}" AS ENUM ('NEW', 'OLD');\n\n-- AlterEnum\nALTER TYPE "${name}" ADD VALUE 'GONE';\n\n-- AlterTable\nALTER TABLE "${model.name}" ADD COLUMN     "kind" "${name}" NOT NULL DEFAULT 'NEW';\n`;
  },
  function addUnique(models) {
    const model = last(models);
    model.attributes.push('@@unique([title, createdAt])');
    return `-- CreateIndex\nCREATE UNIQUE INDEX "${model.name}_title_createdAt_key" ON "${model.name}"("title", "createdAt");\n`;
  },
  function changeColumns(models) {
    const model = last(models);
    model.fields.delete('note');
    model.fields.set('amount', 'Decimal @db.Decimal(20, 2)').set('data', 'Json?');
    return `-- AlterTable\nALTER TABLE "${model.name}" DROP COLUMN "note",\nADD COLUMN     "data" JSONB,\nALTER COLUMN "amount" SET DATA TYPE DECIMAL(20,2);\n`;
  },
  function addTrigger(models) {
    const model = last(models);
    model.fields.set('touchedAt', 'DateTime?');
    return `-- AlterTable\nALTER TABLE "${model.name}" ADD COLUMN     "touchedAt" TIMESTAMP(3);\n\nCREATE FUNCTION "touch_${model.name}"() RETURNS trigger LANGUAGE plpgsql AS $$\nBEGIN\n  NEW."touchedAt" := now(); -- of each change; \n  RETURN NEW;\nEND;\n$$;\n\nCREATE TRIGGER "touch" BEFORE UPDATE ON "${model.name}" FOR EACH ROW EXECUTE FUNCTION "touch_${model.name}"();\n`;
  },
  function addRows(models) {
    const { name } = last(models);
    return `INSERT INTO "${name}" ("title", "amount") SELECT 'title ' || n, n FROM generate_series(1, 20) AS n;\n\nUPDATE "${name}" SET "flag" = true WHERE "amount" > 10;\n`;
  },
];

function last(models: Model[]): Model {
  const model = models.at(-1);
  if (!model) throw new Error('the first migration makes a table');
  return model;
}

function writeModel({ name, parent, children, fields, attributes }: Model): string {
  return [
    `model ${name} {`,
    '  id BigInt @id @default(autoincrement())',
    ...[...fields].map(([field, type]) => `  ${field} ${type}`),
    ...(parent
      ? ['  parentId BigInt?', `  parent ${parent}? @relation("${name}", fields: [parentId], references: [id])`]
      : []),
    ...children.map((child) => `  children${child} ${child}[] @relation("${child}")`),
    ...attributes.map((attribute) => `  ${attribute}`),
    '}',
  ].join('\n');
}
