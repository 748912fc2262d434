/** The event of the audit log, by the runbook's name (section 7). */
export const EVENT = 'escrow.rollback';
