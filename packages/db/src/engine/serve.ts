import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { databaseOf, OpsError, quoteIdentifier, Secret, withPostgres, withServer } from '@drydock/kit';
import type { DiagnoseMigrationHistoryInput, SchemaEngine } from '@prisma/schema-engine-wasm';
import type { Client } from 'pg';
import { engineVersion, withEngine } from './load.ts';

const NAME = 'drydock schema engine';

interface Request {
  id: number | string;
  method: string;
  params?: unknown;
}

/**
 * Answers as Prisma's native schema engine does, so that the stock CLI runs on the WebAssembly build of the same
 * engine: `--version`, `cli can-connect-to-database | create-database | drop-database`, and JSON-RPC 2.0 on stdin, one
 * message a line.
 */
export async function serveSchemaEngine(argv: string[]): Promise<number> {
  if (argv.includes('--version')) {
    process.stdout.write(`schema-engine-cli ${engineVersion()}\n`);
    return 0;
  }
  const { values, positionals } = parseArgs({
    args: argv,
    strict: false,
    options: { datasource: { type: 'string' }, datamodels: { type: 'string' } },
  });
  const url = urlOf(values.datasource as string | undefined);
  if (positionals[0] === 'cli') return runCommand(positionals[1] ?? '', url);
  await serveRpc(url, values.datamodels as string | undefined);
  return 0;
}

function urlOf(datasource: string | undefined): string {
  const parsed = datasource ? (JSON.parse(datasource) as { url?: string }) : {};
  return parsed.url ?? process.env.OPS_DATABASE_URL ?? process.env.DATABASE_URL ?? 'postgresql://localhost/postgres';
}

async function runCommand(command: string, url: string): Promise<number> {
  const meant = new Secret(url, 'the URL');
  const name = quoteIdentifier(databaseOf(meant));
  const ask = async (client: Client) => {
    if (command === 'create-database') await client.query(`CREATE DATABASE ${name}`);
    if (command === 'drop-database') await client.query(`DROP DATABASE IF EXISTS ${name}`);
  };
  try {
    if (command === 'can-connect-to-database') await withPostgres(meant, NAME, ask);
    // From outside: it is not there yet, or goes.
    else await withServer(meant, NAME, ask, [databaseOf(meant)]);
    return 0;
  } catch (thrown) {
    const error = thrown instanceof OpsError ? thrown.cause : thrown;
    process.stderr.write(
      `${JSON.stringify({ is_panic: false, message: (error as Error).message, error_code: errorCode(error) })}\n`,
    );
    return 1;
  }
}

/** Prisma's error reference: P1000 credentials, P1001 unreachable, P1003 no such database. */
function errorCode(error: unknown): string {
  const code = (error as { code?: string }).code;
  if (code === '28P01' || code === '28000') return 'P1000';
  return code === '3D000' ? 'P1003' : 'P1001';
}

async function serveRpc(url: string, datamodels: string | undefined): Promise<void> {
  const models = datamodels?.split(',').flatMap(readModels);
  // Lines come faster than they are answered: they wait in order.
  let queue: Promise<unknown> = Promise.resolve();
  for await (const line of createInterface({ input: process.stdin })) {
    if (!line.trim()) continue;
    const request = JSON.parse(line) as Partial<Request>;
    // The CLI acknowledges a print with a result of its own.
    if (!isRequest(request)) continue;
    queue = queue.then(() => answer(request, url, models));
  }
  await queue;
}

function isRequest(message: Partial<Request>): message is Request {
  return message.method !== undefined && message.id !== undefined;
}

function readModels(path: string): [string, string][] {
  if (!statSync(path).isDirectory()) return [[path, readFileSync(path, 'utf8')]];
  return readdirSync(path, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.prisma'))
    .map((name) => [join(path, name), readFileSync(join(path, name), 'utf8')]);
}

/** A fresh engine per request: one instance makes one shadow database. */
async function answer(request: Request, url: string, models: [string, string][] | undefined): Promise<void> {
  try {
    const result = await withEngine(url, (engine) => callEngine(engine, request), { datamodels: models });
    send({ id: request.id, result: result ?? {} });
  } catch (thrown) {
    send({ id: request.id, error: rpcError(thrown) });
  }
}

async function callEngine(engine: SchemaEngine, { id, method, params }: Request): Promise<unknown> {
  if (NEEDS_HISTORY.has(method)) await readHistory(engine, params as HistoryInput);
  const run = (engine as unknown as Record<string, ((params: unknown) => Promise<unknown>) | undefined>)[
    METHODS[method] ?? method
  ];
  if (!run) throw new Error(`The schema engine has no method ${method}.`);
  const result = await run.call(engine, params);
  if (method !== 'diff') return result;
  // The native engine prints the diff through the CLI and returns the exit code alone.
  const { stdout, exitCode } = result as { stdout: string | null; exitCode: number };
  if (stdout !== null) send({ method: 'print', params: { content: stdout }, id: `print-${id}` });
  return { exitCode, stdout: null };
}

/**
 * These two ask for the schema that the migrations make. The WebAssembly build has it only from its cache, which a
 * diagnosis of the same migrations fills.
 */
const NEEDS_HISTORY = new Set(['evaluateDataLoss', 'createMigration']);
type HistoryInput = Pick<DiagnoseMigrationHistoryInput, 'migrationsList' | 'filters'>;

async function readHistory(engine: SchemaEngine, { migrationsList, filters }: HistoryInput): Promise<void> {
  await engine.diagnoseMigrationHistory({ migrationsList, filters, optInToShadowDatabase: true });
}

const METHODS: Record<string, string> = { getDatabaseVersion: 'version' };

function rpcError(thrown: unknown): object {
  const error = thrown as { message?: string; code?: string; meta?: unknown };
  return {
    code: 4466,
    message: 'An error happened. Check the data field for details.',
    data: {
      is_panic: false,
      message: error.message ?? String(thrown),
      error_code: error.code ?? null,
      meta: error.meta ?? null,
    },
  };
}

function send(message: object): void {
  process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);
}
