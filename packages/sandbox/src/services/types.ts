import type { DaemonSpec, ToolName } from '@drydock/kit';
import type { SandboxState } from '../state.ts';

export interface ServiceContext {
  root: string;
  /** `.drydock/sandbox` */
  folder: string;
  state: SandboxState;
  port: number;
}

/** One part of the sandbox: how it is prepared, started and known to answer. */
export interface Service {
  name: string;
  /** Programs of the machine that it is made of. */
  tools: readonly ToolName[];
  /** Files and folders it needs, made or mended; safe to repeat. Returns what to start. */
  prepare(ctx: ServiceContext): Promise<Omit<DaemonSpec, 'name' | 'logFile' | 'port'>>;
  /** True once it can be used. */
  ready(ctx: ServiceContext): Promise<boolean>;
  /** How long it may take to stop by itself. */
  graceMs: number;
}
