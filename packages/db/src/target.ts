import {
  type CopySource,
  copySource,
  type Environment,
  type EnvName,
  environmentSettings,
  type LoadedConfig,
  operatorUrl,
  readerUrl,
  type Secret,
  schemaOf,
} from '@drydock/kit';
import type { Level } from './codes.ts';
import { migrationsSection } from './config.ts';
import { placesOf } from './places.ts';

/** The database a task works on, and the migrations that belong to it. */
export interface Target {
  env: EnvName;
  url: Secret;
  /** With what copies are made where the role of `url` alone may not. */
  copies?: CopySource;
  /** For what only looks: the same database, as a role that may only read where there is one. */
  readUrl: Secret;
  /** The product's folder. */
  root: string;
  schemaFile: string;
  migrationsDir: string;
  /** Folder with queries whose plans are checked. */
  plansDir: string;
  /** PostgreSQL schema of what is not qualified: Prisma's `?schema=` in the URL, or `public`. */
  defaultSchema: string;
  lockTimeoutMs: number;
  concurrentlyWaitMs: number;
  largeTableRows: number;
  /** How long a statement may take before it is long, whatever the rows: a second. */
  longMs?: number;
  /** Where developers work: there migrations are made. */
  developers?: EnvName | undefined;
  /** Levels of findings that the product wants otherwise. */
  hazards: Record<string, Level>;
}

export function targetOf(config: LoadedConfig, environment: Environment): Target {
  const { plans, lockTimeoutMs, concurrentlyWaitMs, largeTableRows, hazards } = migrationsSection.of(config);
  const url = operatorUrl(config, environment);
  const places = placesOf(config);
  return {
    env: environment.name,
    developers: Object.keys(config.environments).find(
      (env) => environmentSettings(config, env).serves === 'developers',
    ),
    url,
    copies: copySource(config, environment),
    readUrl: readerUrl(config, environment),
    root: config.root,
    schemaFile: places.schema,
    migrationsDir: places.migrations,
    plansDir: config.path(plans),
    defaultSchema: schemaOf(url),
    lockTimeoutMs,
    concurrentlyWaitMs,
    largeTableRows,
    hazards,
  };
}
