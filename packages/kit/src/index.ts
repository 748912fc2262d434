export { currentHost } from './actor.ts';
export { appendAudit } from './audit/append.ts';
export { readEventsNamed } from './audit/store.ts';
export { bearer } from './bearer.ts';
export { closest } from './closest.ts';
export { type ChainKeys, chainSection } from './config/chain.ts';
export { type DatabaseKeys, databaseSection } from './config/database.ts';
export { defineConfig } from './config/define.ts';
export { environmentName } from './config/environment-name.ts';
export {
  type EnvironmentSettings,
  environmentNamed,
  environmentSettings,
  promotionTo,
  runbookEnvironments,
} from './config/environments.ts';
export { type LoadedConfig, loadConfig } from './config/load.ts';
export type { DrydockConfig, EnvName } from './config/schema.ts';
export { defineSection, type SectionInput, type SectionOutput } from './config/section.ts';
export type { ConfigSections } from './config/sections.ts';
export { dropDatabase } from './copies/drop.ts';
export {
  beyondRole,
  dependentsOf,
  type Extension,
  extensionAdvice,
  type Provided,
  provideExtensions,
  readExtensions,
  shortList,
} from './copies/extensions.ts';
export { localeOf } from './copies/locale.ts';
export { makeDatabase, mayMakeDatabases, noCreatedb } from './copies/make.ts';
export { isPgDumpOld, oldPgDump, saysTooOld } from './copies/pg-dump.ts';
export { type CopySource, copySource } from './copies/source.ts';
export { databaseArgument } from './database-url.ts';
export { besideOf, makeFolder, renameDurably, syncFolder, writeDurably } from './durable.ts';
export { audienceOf } from './env/audience.ts';
export { describeVariables } from './env/described.ts';
export { loadEnvironment } from './env/environment.ts';
export { parseEnv, readEnvFiles, valuesOf } from './env/file/read.ts';
export { LINE, settingsIn, unreadLines } from './env/file/text.ts';
export { opensSomething } from './env/machine.ts';
export { operatorUrl, readerUrl } from './env/operator-url.ts';
export { unserved } from './env/served.ts';
export type { Environment } from './env/types.ts';
export { EXIT, errorOn, isMissing, OpsError, paused, toOpsError, usageError } from './errors.ts';
export type { Finding } from './finding.ts';
export { type Command, command, type Hint, hint, hintOn, IN_SANDBOX } from './hint.ts';
export { type Answered, ask, NoAnswer, shownAddress } from './http.ts';
export { ownOpenRuns, ownRuns } from './journal/own.ts';
export { openRuns, readRuns } from './journal/read.ts';
export type { RunState } from './journal/state.ts';
export type { Json } from './json.ts';
export { acquireCheckoutLock } from './lock/checkout.ts';
export { acquireFileLock } from './lock/file.ts';
export { refuseForeignDatabase } from './lock/identity.ts';
export { type DatabaseLook, lookAtDatabase } from './lock/look.ts';
export { isDirect, refusePooler } from './lock/pooler.ts';
export { type Matter, mattersOf, raiseMatters, readMatters, settleMatters } from './matters.ts';
export { installOnDemand } from './on-demand.ts';
export { ownBackends, trackSession } from './open-sessions.ts';
export { type OpenRun, openEverywhere } from './ops/everywhere.ts';
export { counted } from './output/counted.ts';
export { forgiveUncaught } from './output/guard-process.ts';
export { htmlText, markdownFence, markdownText } from './output/markup.ts';
export type { Live, Output, Progress } from './output/output.ts';
export { linesOf, type PrintedFile, printFiles, written } from './output/printed.ts';
export { shownJson, shownLine, shownLines, shownName } from './output/shown.ts';
export { createOutput, formatDuration } from './output/terminal.ts';
export { type Painted, painted, type Style, type Text } from './output/text.ts';
export { visible } from './output/visible.ts';
export {
  connectPostgres,
  databaseOf,
  isDatabaseMissing,
  psqlCommand,
  quoteIdentifier,
  reachableConfig,
  roleOf,
  schemaOf,
  settleSession,
  settlingSql,
  withDatabase,
  withPostgres,
  withRole,
} from './postgres.ts';
export { type DaemonSpec, type DaemonState, listDaemons, startDaemon, stopDaemon } from './process/daemon.ts';
export { type ExecOptions, exec } from './process/exec.ts';
export { runForeground } from './process/foreground.ts';
export { freePort } from './process/free-port.ts';
export { isSameProcess, processStart } from './process/identity.ts';
export { startPostgresProgram } from './process/postgres-program.ts';
export { requireTool } from './process/require-tool.ts';
export { MARK, type ServiceSpec } from './process/supervise/scripts.ts';
export type { ServiceState } from './process/supervise/service.ts';
export { markOf, Supervisor } from './process/supervise/supervisor.ts';
export { argumentsOf, runningProcesses } from './process/table.ts';
export { findTool, type ToolName, toolVersion } from './process/tools.mjs';
export {
  haproxyConfig,
  type ProxySettings,
  proxyFilesOf,
  writeProxyFiles,
} from './proxy/haproxy-config.ts';
export { haproxyCommandWord, socketProblem } from './proxy/haproxy-words.ts';
export { isReachableByAll } from './reachable.ts';
export { redact, redactData, registerAddress, registerSecret } from './redact.ts';
export { Secret } from './secret.ts';
export { reportFailure, startSentry } from './sentry.ts';
export { connectServer, withServer } from './server-door.ts';
export { posixLine, posixWord } from './shell-word.ts';
export { slugOf } from './slug.ts';
export { ensureOwnTable } from './sql/own-table.ts';
export { inTransaction } from './sql/transaction.ts';
export { readOwn, readStateFile, setAside } from './state/file.ts';
export {
  isPlainName,
  makeConfiguredFolder,
  makePrivate,
  makeStateFolder,
  refuseClosed,
  statePath,
} from './state/folder.ts';
export { note, takeNotices } from './state/notices.ts';
export { ownName, ownsPlain } from './state/owner.ts';
export { sweepUnfinished } from './state/sweep.ts';
export { temporaryFolder } from './state/temporary.ts';
export {
  defineGroup,
  defineStep,
  type Handle,
  namedSteps,
  type Step,
  type StepContext,
  type StepGroup,
  type StepNode,
  type StepResults,
} from './steps/types.ts';
export { systemdItem, systemdText, systemdWord } from './systemd-word.ts';
export { type FlagValues, flag, parseDuration } from './task/flags.ts';
export { main } from './task/main.ts';
export { type WordedFinding, wordedFinding } from './task/present.ts';
export { askChoice, askSecret, askText, askYesNo } from './task/prompt.ts';
export { typed, typedAtHome } from './task/typed.ts';
export {
  type ChangeTask,
  defineChangeTask,
  defineReadTask,
  type Outcome,
  type ReadTask,
  type TaskContext,
} from './task/types.ts';
export { together } from './together.ts';
export { INSTALLED } from './toolkit.ts';
export {
  configFile,
  cronCommand,
  folderInRepository,
  homeOf,
  installLine,
  isInside,
  movedTo,
  searchPath,
  setUpLine,
  taskWords,
} from './unattended.ts';
export { secretPartsOf } from './url-secrets.ts';
