import type { SqlNode } from './node.ts';

/**
 * PostgreSQL's functions that reach further than the database and the transaction that they are called in: other sessions, the
 * server's files and settings, replication, other servers, locks and messages that outlive a transaction (manual, 9.28
 * and 9.4 of large objects; dblink). A transaction that is READ ONLY and rolled back does not hold them.
 */
const REACHING = [
  /^pg_(terminate|cancel)_backend$/,
  /^pg_(reload_conf|rotate_logfile(_old|_v2)?|promote|log_backend_memory_contexts|log_standby_snapshot)$/,
  /^pg_(backup_start|backup_stop|start_backup|stop_backup|switch_wal|create_restore_point)$/,
  /^pg_wal_replay_(pause|resume)$/,
  /^pg_(create|drop|copy)_(physical|logical)?_?replication_slot$/,
  /^pg_(logical_slot_(get|peek)_(binary_)?changes|replication_slot_advance|sync_replication_slots|logical_emit_message)$/,
  /^pg_replication_origin_/,
  /^pg_(read|write|ls|stat)_(server_)?(file|binary_file|dir|logdir|waldir|tmpdir|archive_statusdir|.*dir)$/,
  /^pg_(read_(binary_)?file|stat_file|file_(read|write|rename|unlink|sync|length)|logdir_ls|logfile_rotate)(_old)?$/,
  /^pg_stat_(reset|clear)/,
  /^pg_stat_statements_reset$/,
  /^(pg_notify|pg_(try_)?advisory_lock(_shared)?|pg_advisory_unlock(_shared|_all)?)$/,
  /^(lo_import|lo_export|pg_read_binary_file)$/,
  /^dblink/,
  /^(postgres_fdw_disconnect|postgres_fdw_disconnect_all)$/,
];

/** Whether a function of that name acts outside of its own transaction and database. */
export function reachesOut(name: string): boolean {
  return REACHING.some((pattern) => pattern.test(name));
}

/** Those of them that stay in the database that they are called in: on a copy they reach nobody. */
const IN_ITS_DATABASE =
  /^(pg_notify|pg_(try_)?advisory_lock(_shared)?|pg_advisory_unlock(_shared|_all)?|pg_stat_reset(_single_\w+)?|pg_logical_emit_message)$/;

/** Whether a function of that name acts outside of its own database, from a copy of which nobody must be reached. */
export function leavesDatabase(name: string): boolean {
  return reachesOut(name) && !IN_ITS_DATABASE.test(name);
}

/** Whether a text names such a function: where what is run is put together, a name is all that can be seen. */
export function namesReaching(text: string): string | undefined {
  return text.match(/[a-z_][a-z0-9_]*/gi)?.find((word) => leavesDatabase(word.toLowerCase()));
}

/** How a statement reaches further than the database that it is run in. */
export interface Reach {
  /**
   * `server`: it changes what all databases of the server share, as part of its transaction. `outside`: no transaction
   * takes it back.
   */
  kind: 'server' | 'outside';
  what: string;
  /** It keeps no lock on the shared catalogue, by which it could be noticed (see `TOUCHED_SERVER`). */
  silent?: boolean;
}

const SHARED_OBJECTS = new Set(['OBJECT_DATABASE', 'OBJECT_ROLE', 'OBJECT_TABLESPACE', 'OBJECT_PARAMETER_ACL']);

/** PostgreSQL manual, 52 (catalogues that a cluster's databases share), and the reference of each command. */
export function reachOf(node: SqlNode): Reach | undefined {
  const kind = Object.keys(node)[0] as keyof SqlNode;
  const outside = OUTSIDE[kind];
  if (outside) return { kind: 'outside', what: outside };
  const { CopyStmt, CreateFunctionStmt } = node;
  if (CopyStmt?.is_program) return { kind: 'outside', what: 'runs a program on the server' };
  if (CopyStmt?.filename) return { kind: 'outside', what: 'reads or writes a file of the server' };
  if (CreateFunctionStmt && isUntrusted(CreateFunctionStmt.options as SqlNode[]))
    return { kind: 'outside', what: 'makes a function in a language that may do anything' };
  const server = SERVER[kind];
  if (server) return { kind: 'server', what: server, silent: SILENT.has(kind) };
  const type =
    node.GrantStmt?.objtype ??
    node.CommentStmt?.objtype ??
    node.SecLabelStmt?.objtype ??
    node.AlterOwnerStmt?.objectType ??
    node.RenameStmt?.renameType;
  if (type && SHARED_OBJECTS.has(type))
    return {
      kind: 'server',
      what: 'changes a database, role or tablespace of the server',
      silent: Boolean(node.GrantStmt),
    };
  return undefined;
}

const OUTSIDE: { [K in keyof SqlNode]?: string } = {
  AlterSystemStmt: 'changes settings of the server',
  CreatedbStmt: 'makes a database',
  DropdbStmt: 'drops a database',
  CreateTableSpaceStmt: 'makes a tablespace',
  DropTableSpaceStmt: 'drops a tablespace',
  CreateSubscriptionStmt: 'makes a subscription to another server',
  AlterSubscriptionStmt: 'changes a subscription to another server',
  DropSubscriptionStmt: 'drops a subscription, and its slot on another server',
  ImportForeignSchemaStmt: 'asks another server',
  LoadStmt: 'loads a library into the server',
};

const SERVER: { [K in keyof SqlNode]?: string } = {
  CreateRoleStmt: 'makes a role',
  AlterRoleStmt: 'changes a role',
  AlterRoleSetStmt: 'changes settings of a role',
  DropRoleStmt: 'drops a role',
  GrantRoleStmt: 'changes who is a member of a role',
  AlterDatabaseStmt: 'changes a database',
  AlterDatabaseSetStmt: 'changes settings of a database',
  AlterDatabaseRefreshCollStmt: 'changes a database',
  AlterTableSpaceOptionsStmt: 'changes a tablespace',
  ReassignOwnedStmt: 'changes the owner of everything that a role has',
  DropOwnedStmt: 'takes everything from a role',
};
const SILENT = new Set<keyof SqlNode>(['ReassignOwnedStmt', 'DropOwnedStmt']);

function isUntrusted(options: SqlNode[] = []): boolean {
  const language = options.find(({ DefElem }) => DefElem?.defname === 'language')?.DefElem?.arg as SqlNode | undefined;
  return /^(c|internal|pl\w+u)$/i.test(language?.String?.sval ?? '');
}

/**
 * Catalogues that the open transaction of this session has changed for all databases of the server: whoever writes to
 * one keeps its lock until the end, whatever statement, function or DO block it was.
 */
export const TOUCHED_SERVER = `SELECT coalesce(json_agg(DISTINCT relation::regclass::text), '[]') AS touched FROM pg_locks
  WHERE pid = pg_backend_pid() AND locktype = 'relation' AND database = 0 AND mode NOT IN ('AccessShareLock', 'RowShareLock')
    AND relation IN ('pg_authid'::regclass, 'pg_auth_members'::regclass, 'pg_db_role_setting'::regclass, 'pg_database'::regclass,
                     'pg_tablespace'::regclass, 'pg_shdescription'::regclass, 'pg_shseclabel'::regclass, 'pg_subscription'::regclass)`;
