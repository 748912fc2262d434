import { dropDatabase, quoteIdentifier, settleSession, trackSession } from '@drydock/kit';
import { PrismaPg } from '@prisma/adapter-pg';
import { ColumnTypeEnum, DriverAdapterError } from '@prisma/driver-adapter-utils';
import type pg from 'pg';

export type MakeDatabase = (name: string) => Promise<void>;
type Adapter = Awaited<ReturnType<PrismaPg['connect']>>;
/** What the adapter has but does not declare. */
type Internals = { onError(error: unknown): never };

/** oid of PostgreSQL's internal "char", and of text, which stands in for it. */
const CHAR = 18;
const TEXT = 25;
/** Of check and exclusion constraints: the engine reads this one as a character, and panics at a text. */
const READ_AS_CHARACTER = 'constraint_type';

/**
 * `@prisma/adapter-pg` as the schema engine needs it. Six things it does otherwise (7.10): it refuses the type "char"
 * of the catalogues, knows no single character, splits scripts at every `;` and takes the words from their errors,
 * forgets the shadow database when given a connection string, and drops the shadow database before leaving it.
 */
export class EngineAdapterFactory extends PrismaPg {
  readonly #config: pg.ClientConfig;
  readonly #schema: string;
  readonly #makeShadow: MakeDatabase | undefined;
  readonly #pools = new Set<pg.Pool>();

  /**
   * `config` in separate fields: with a connection string the adapter could not be pointed at another database. `makeShadow` makes the database
   * that the engine applies migrations in, where a plain one would not do.
   */
  constructor(config: pg.ClientConfig, schema: string, makeShadow?: MakeDatabase) {
    super(engineConfig(config, schema), { schema });
    this.#config = config;
    this.#schema = schema;
    this.#makeShadow = makeShadow;
  }

  override async connect(): Promise<Adapter> {
    const adapter = mended(await super.connect());
    this.#pools.add(adapter.underlyingDriver());
    return adapter;
  }

  /** Ends connections that the engine did not: it frees its memory, not its adapters. */
  async close(): Promise<void> {
    await Promise.all([...this.#pools].filter((pool) => !pool.ended).map((pool) => pool.end()));
  }

  override async connectToShadowDb(): Promise<Adapter> {
    const name = `prisma_migrate_shadow_db_${crypto.randomUUID()}`;
    const admin = await this.connect();
    if (this.#makeShadow) await this.#makeShadow(name);
    else await admin.executeScript(`CREATE DATABASE "${name}"`);
    const shadow = await new EngineAdapterFactory({ ...this.#config, database: name }, this.#schema).connect();
    const leave = shadow.dispose.bind(shadow);
    shadow.dispose = async () => {
      await leave();
      await dropDatabase(admin.underlyingDriver(), name);
      await admin.dispose();
    };
    return shadow;
  }
}

/** The schema as the session's default, behind the options that the URL brings. */
function engineConfig(config: pg.ClientConfig, schema: string): pg.PoolConfig {
  const options = [config.options, searchPathOption(schema)].filter(Boolean).join(' ');
  return {
    ...config,
    options,
    application_name: 'drydock schema engine',
    // What the engine runs ends with us, as everything that we run.
    // oxlint-disable-next-line typescript/no-misused-promises -- the pool waits for it; its types say void
    async onConnect(client) {
      trackSession(client as pg.PoolClient, config);
      await settleSession(client as pg.PoolClient, schema);
    },
  };
}

/** In libpq's `options` a space and a backslash are escaped by a backslash: PostgreSQL manual, 34.1.2. */
function searchPathOption(schema: string): string {
  return `-c search_path=${quoteIdentifier(schema).replaceAll(/[\\ ]/g, '\\$&')}`;
}

function mended(adapter: Adapter): Adapter {
  const pool = adapter.underlyingDriver();
  mendQuery(pool);
  const connect = pool.connect.bind(pool) as (callback?: unknown) => Promise<pg.PoolClient>;
  // With a callback it is the pool itself that asks, inside its own query.
  pool.connect = ((callback?: unknown) =>
    callback ? connect(callback) : connect().then(mendQuery)) as typeof pool.connect;
  const queryRaw = adapter.queryRaw.bind(adapter);
  adapter.queryRaw = async (query) => {
    const result = await queryRaw(query);
    const at = result.columnNames.indexOf(READ_AS_CHARACTER);
    if (at >= 0) result.columnTypes[at] = ColumnTypeEnum.Character;
    return result;
  };
  adapter.executeScript = async (script) => {
    try {
      await pool.query(script);
    } catch (error) {
      if (isFromServer(error)) throw inItsWords(error);
      (adapter as unknown as Internals).onError(error);
    }
  };
  return adapter;
}

function isFromServer(error: unknown): error is pg.DatabaseError {
  return error instanceof Error && 'severity' in error && 'code' in error;
}

/**
 * Of a script's errors the adapter makes kinds that suit a query of the client, and the engine the like of the server's codes: both drop the text, and
 * they do not know the same ones (7.10). So that the history says what the server said, each is passed on under no code, which stands in the text.
 */
function inItsWords({ code, severity, message, detail, column, hint }: pg.DatabaseError): DriverAdapterError {
  return new DriverAdapterError({
    kind: 'postgres',
    code: 'N/A',
    severity: severity ?? 'ERROR',
    message: `${message} (SQLSTATE ${code})`,
    detail,
    column,
    hint,
  });
}

const mendedClients = new WeakSet<object>();

function mendQuery<T extends pg.Pool | pg.PoolClient>(client: T): T {
  if (mendedClients.has(client)) return client;
  mendedClients.add(client);
  const query = client.query.bind(client) as (...args: unknown[]) => unknown;
  client.query = ((...args: unknown[]) => {
    const result = query(...args);
    return result instanceof Promise ? result.then(readCharAsText) : result;
  }) as typeof client.query;
  return client;
}

function readCharAsText(result: pg.QueryResult): pg.QueryResult {
  for (const field of result?.fields ?? []) if (field.dataTypeID === CHAR) field.dataTypeID = TEXT;
  return result;
}
