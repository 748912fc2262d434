/** What the contracts must do, in the fewest words: the fuzz compares each call with it. */
export interface ModelEscrow {
  client: string;
  freelancer: string;
  amounts: bigint[];
  released: Set<number>;
  rolledBack: boolean;
  credit: Map<string, bigint>;
}

export interface Model {
  escrows: Map<string, ModelEscrow>;
  operators: Set<string>;
  pausers: Set<string>;
  admin: string;
  /** Whom the admin role is promised to, and whether the delay is over. */
  pending: { to: string; ripe: boolean } | undefined;
  paused: boolean;
  /** Wei that came in beside a job's money, by job, whether its escrow stands or not; and into the factory. */
  surplus: Map<string, bigint>;
  factory: bigint;
  /** Wei that went from the contracts to each account, and from each account into them. */
  paid: Map<string, bigint>;
  spent: Map<string, bigint>;
  /** Accounts that refuse every payment. */
  refusing: Set<string>;
}

export type Call =
  | { kind: 'create'; by: string; job: string; client: string; freelancer: string; amounts: bigint[]; short: bigint }
  | { kind: 'release'; by: string; job: string; index: number }
  | { kind: 'rollback' | 'withdraw' | 'initialize' | 'recover'; by: string; job: string }
  | { kind: 'withdrawTo'; by: string; job: string; to: string }
  /** `send`: an honest transfer. `force`: nothing at the address is asked. */
  | { kind: 'send' | 'force'; by: string; job: string | null; wei: bigint }
  | { kind: 'empty'; by: string; to: string }
  | { kind: 'pause' | 'unpause' | 'accept' | 'cancel'; by: string }
  | { kind: 'begin'; by: string; to: string }
  /** The delay goes by: no call. */
  | { kind: 'wait' }
  | { kind: 'grant' | 'revoke'; by: string; role: 'operator' | 'pauser' | 'admin'; to: string };

export function newModel(admin: string, refusing: string[]): Model {
  return {
    escrows: new Map(),
    operators: new Set([admin]),
    pausers: new Set([admin]),
    admin,
    pending: undefined,
    paused: false,
    surplus: new Map(),
    factory: 0n,
    paid: new Map(),
    spent: new Map(),
    refusing: new Set(refusing),
  };
}

const sum = (amounts: Iterable<bigint>) => [...amounts].reduce((a, b) => a + b, 0n);
const add = (map: Map<string, bigint>, who: string, amount: bigint) => map.set(who, (map.get(who) ?? 0n) + amount);

export function unreleased({ amounts, released, rolledBack }: ModelEscrow): bigint {
  return rolledBack ? 0n : sum(amounts.filter((_, i) => !released.has(i)));
}

export function credited({ credit }: ModelEscrow): bigint {
  return sum(credit.values());
}

/** Whether the call must go through; if so, the model is as the chain must be after it. */
export function apply(model: Model, call: Call): boolean {
  switch (call.kind) {
    case 'create':
      return create(model, call);
    case 'release':
      return release(model, call);
    case 'rollback':
      return rollback(model, call);
    case 'withdraw':
      return withdraw(model, call, call.by);
    case 'withdrawTo':
      return withdraw(model, call, call.to);
    case 'recover':
      return recover(model, call);
    case 'initialize':
      // Nobody can, ever: made and initialised in one call. Without code a call does nothing.
      return !model.escrows.has(call.job);
    case 'send':
    case 'force':
      return come(model, call);
    case 'empty':
      return empty(model, call);
    case 'pause':
    case 'unpause': {
      const ok = model.pausers.has(call.by) && model.paused === (call.kind === 'unpause');
      if (ok) model.paused = call.kind === 'pause';
      return ok;
    }
    case 'wait':
      if (model.pending) model.pending.ripe = true;
      return true;
    case 'begin':
      if (call.by !== model.admin) return false;
      model.pending = { to: call.to, ripe: false };
      return true;
    case 'cancel':
      if (call.by !== model.admin) return false;
      model.pending = undefined;
      return true;
    case 'accept':
      if (model.pending?.to !== call.by || !model.pending.ripe) return false;
      model.admin = call.by;
      model.pending = undefined;
      return true;
    default: {
      // The admin role is handed over, and neither granted nor revoked.
      if (call.by !== model.admin || call.role === 'admin') return false;
      const role = call.role === 'pauser' ? model.pausers : model.operators;
      if (call.kind === 'grant') role.add(call.to);
      else role.delete(call.to);
      return true;
    }
  }
}

function create(
  model: Model,
  { by, job, client, freelancer, amounts, short }: Extract<Call, { kind: 'create' }>,
): boolean {
  if (!model.operators.has(by) || model.paused || amounts.length === 0 || short !== 0n || model.escrows.has(job))
    return false;
  model.escrows.set(job, { client, freelancer, amounts, released: new Set(), rolledBack: false, credit: new Map() });
  add(model.spent, by, sum(amounts));
  return true;
}

function release(model: Model, { by, job, index }: Extract<Call, { kind: 'release' }>): boolean {
  const escrow = model.escrows.get(job);
  if (!escrow) return true;
  const may = by === escrow.client || model.operators.has(by);
  const amount = escrow.amounts[index];
  if (!may || escrow.rolledBack || amount === undefined || escrow.released.has(index)) return false;
  escrow.released.add(index);
  pay(model, escrow, escrow.freelancer, amount);
  return true;
}

function rollback(model: Model, { by, job }: { by: string; job: string }): boolean {
  const escrow = model.escrows.get(job);
  if (!escrow) return true;
  if (model.admin !== by || escrow.rolledBack) return false;
  const amount = unreleased(escrow);
  escrow.rolledBack = true;
  pay(model, escrow, escrow.client, amount);
  return true;
}

function withdraw(model: Model, { by, job }: { by: string; job: string }, to: string): boolean {
  const escrow = model.escrows.get(job);
  if (!escrow) return true;
  const amount = escrow.credit.get(by) ?? 0n;
  if (amount === 0n || model.refusing.has(to)) return false;
  escrow.credit.set(by, 0n);
  add(model.paid, to, amount);
  return true;
}

/** By anybody, to the client alone. */
function recover(model: Model, { job }: { job: string }): boolean {
  const escrow = model.escrows.get(job);
  if (!escrow) return true;
  const amount = model.surplus.get(job) ?? 0n;
  if (amount === 0n) return false;
  model.surplus.set(job, 0n);
  pay(model, escrow, escrow.client, amount);
  return true;
}

function come(model: Model, { kind, by, job, wei }: Extract<Call, { kind: 'send' | 'force' }>): boolean {
  // Neither an escrow nor the factory takes what is sent to it; an address where nothing stands yet does.
  if (kind === 'send' && (job === null || model.escrows.has(job))) return false;
  add(model.spent, by, wei);
  if (job === null) model.factory += wei;
  else add(model.surplus, job, wei);
  return true;
}

function empty(model: Model, { by, to }: { by: string; to: string }): boolean {
  if (by !== model.admin || model.factory === 0n || model.refusing.has(to)) return false;
  add(model.paid, to, model.factory);
  model.factory = 0n;
  return true;
}

function pay(model: Model, escrow: ModelEscrow, to: string, amount: bigint): void {
  if (amount === 0n) return;
  if (model.refusing.has(to)) add(escrow.credit, to, amount);
  else add(model.paid, to, amount);
}
