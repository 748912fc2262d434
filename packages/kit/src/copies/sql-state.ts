/** SQLSTATE of PostgreSQL's refusals (manual, appendix A). */
export const NOT_ALLOWED = '42501';
export const NO_SUCH_DATABASE = '3D000';
export const IN_USE = '55006';
export const UNFIT = '22023';

/** Undefined for what the server did not say. */
export function sqlStateOf(error: unknown): string | undefined {
  return (error as { code?: string } | undefined)?.code;
}
