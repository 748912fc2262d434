// For tests of the other packages.
import './alone.ts';

export { tasksHere } from './here.ts';
export { canary, type Leak, LeakScan, secretsOf } from './leaks.ts';
export { silentOutput } from './output.ts';
export { type SeenProcess, watchProcesses } from './proc.ts';
export { bareEnvironment, type Ended, type JournalLine, type TaskProcesses, taskProcesses } from './processes.ts';
export { makeStrangeProduct } from './product.ts';
export { linesToKillAt, sampleRounds, THOROUGH, whenThorough } from './rounds.ts';
export { outlives } from './sessions.ts';
export { runStepsForTest } from './steps.ts';
export { type DiskCall, failingAt, killedAt, straceIsMissing, tracingDisk } from './system-calls.ts';
export { hasSystemd, systemdAnalyze } from './systemd.ts';
export { askTask, hintOf, refuseUnplanned, runTaskForTest } from './task.ts';
export { Terminal } from './terminal.ts';
