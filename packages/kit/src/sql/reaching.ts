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
