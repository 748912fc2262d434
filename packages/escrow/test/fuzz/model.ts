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
  admins: Set<string>;
  paused: boolean;
  /** Wei that went from the contracts to each account, and from each account into them. */
  paid: Map<string, bigint>;
  spent: Map<string, bigint>;
  /** Accounts that refuse every payment. */
  refusing: Set<string>;
}

export type Call =
  | { kind: 'create'; by: string; job: string; client: string; freelancer: string; amounts: bigint[]; short: bigint }
  | { kind: 'release'; by: string; job: string; index: number }
  | { kind: 'rollback' | 'withdraw' | 'initialize'; by: string; job: string }
  | { kind: 'pause' | 'unpause'; by: string }
  | { kind: 'grant' | 'revoke'; by: string; role: 'operator' | 'admin'; to: string };

export function newModel(admin: string, refusing: string[]): Model {
  return {
    escrows: new Map(),
    operators: new Set([admin]),
    admins: new Set([admin]),
    paused: false,
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

export function balance(escrow: ModelEscrow): bigint {
  return unreleased(escrow) + sum(escrow.credit.values());
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
      return withdraw(model, call);
    case 'initialize':
      // Nobody can, ever: made and initialised in one call. Without code a call does nothing.
      return !model.escrows.has(call.job);
    case 'pause':
    case 'unpause': {
      const ok = model.admins.has(call.by) && model.paused === (call.kind === 'unpause');
      if (ok) model.paused = call.kind === 'pause';
      return ok;
    }
    default: {
      if (!model.admins.has(call.by)) return false;
      const role = call.role === 'admin' ? model.admins : model.operators;
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
  if (!model.admins.has(by) || escrow.rolledBack) return false;
  const amount = unreleased(escrow);
  escrow.rolledBack = true;
  pay(model, escrow, escrow.client, amount);
  return true;
}

function withdraw(model: Model, { by, job }: { by: string; job: string }): boolean {
  const escrow = model.escrows.get(job);
  if (!escrow) return true;
  const amount = escrow.credit.get(by) ?? 0n;
  if (amount === 0n || model.refusing.has(by)) return false;
  escrow.credit.set(by, 0n);
  add(model.paid, by, amount);
  return true;
}

function pay(model: Model, escrow: ModelEscrow, to: string, amount: bigint): void {
  if (amount === 0n) return;
  if (model.refusing.has(to)) add(escrow.credit, to, amount);
  else add(model.paid, to, amount);
}
