import type { Environment, EnvName, LoadedConfig } from '@drydock/kit';

/** What could be read, or why not: one part that is away leaves the others. */
export type Known<T> = { value: T } | { missing: string };

export interface MigrationsView {
  pending: string[];
  /** Failed, edited or missing ones. */
  unsound: string[];
}

export interface BackupsView {
  /** One a store. ISO 8601; null where there is none. */
  stores: { store: string; newest: string | null; lastDrill: string | null }[];
  /** What is past its limit. */
  overdue: string[];
}

export interface SecretsView {
  /** Under rotation. ISO 8601; null where nobody knows. */
  secrets: { name: string; since: string | null; due: string | null; overdue: boolean }[];
  /** Variables that are declared secret, and under no rotation. */
  unrotated: string[];
}

export interface EscrowView {
  differ: number;
  verdict: string;
}

/** What other features know of an environment; passed in by the script, since features do not know each other. Undefined: it has none of it. */
export interface Readers {
  migrations(config: LoadedConfig, environment: Environment): Promise<MigrationsView>;
  backups(config: LoadedConfig, environment: Environment): Promise<BackupsView | undefined>;
  escrow(config: LoadedConfig, environment: Environment, signal: AbortSignal): Promise<EscrowView | undefined>;
  secrets(config: LoadedConfig, environment: Environment): Promise<SecretsView | undefined>;
}

export interface PartView {
  part: string;
  ok: boolean;
  required: boolean;
  detail: string;
}

export interface ObjectiveView {
  id: string;
  title: string;
  wanted: string;
  /** Over the time of the report. */
  seen: string;
  state: 'kept' | 'missed' | 'unknown';
  /** Share of the error budget that is left of `budgetDays`; below 0 it is overdrawn. Null where an objective has none. */
  left: number | null;
}

export const MARKS = { deploy: 'D', rollback: 'R', rotation: 'K' } as const;

/** Something that was done to an environment, to be seen beside what it led to. */
export interface Mark {
  kind: keyof typeof MARKS;
  at: number;
  text: string;
  failed: boolean;
}

export interface Chart {
  id: string;
  title: string;
  /** `ms`, `%` or `MiB`. */
  unit: string;
  bound: { value: number; text: string } | undefined;
  /** One a slot; null where nothing is known. */
  values: (number | null)[];
}

export interface EnvironmentReport {
  name: EnvName;
  guarded: boolean;
  /** Why nothing is known of it at all: it is not configured on this machine. */
  absent: string | undefined;
  version: string | undefined;
  health: Known<{ healthy: boolean; parts: PartView[] }>;
  /** Beginnings of slots, milliseconds since 1970. */
  slots: number[];
  slotMs: number;
  source: string;
  objectives: ObjectiveView[];
  charts: Chart[];
  marks: Known<Mark[]>;
  migrations: Known<MigrationsView>;
  /** Of these three: undefined where the product has none. */
  backups: Known<BackupsView> | undefined;
  escrow: Known<EscrowView> | undefined;
  secrets: Known<SecretsView> | undefined;
}

export interface OpenRun {
  run: string;
  task: string;
  env: string;
  startedAt: string;
  lastStep: string | undefined;
}

export interface Report {
  product: string;
  from: number;
  to: number;
  budgetDays: number;
  environments: EnvironmentReport[];
  openRuns: Known<OpenRun[]>;
}
