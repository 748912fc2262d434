import { hash } from 'node:crypto';

const NEWLINE = 10;
const MODULUS = 1n << 128n;

/** A sum over rows as COPY writes them that is the same in any order. It costs ten times what a SHA-256 over all of them does. */
export class LineSum {
  #sum = 0n;
  #rest: Buffer = Buffer.alloc(0);

  add(bytes: Buffer): void {
    const all = this.#rest.length > 0 ? Buffer.concat([this.#rest, bytes]) : bytes;
    let from = 0;
    for (let at = all.indexOf(NEWLINE); at >= 0; at = all.indexOf(NEWLINE, from)) {
      this.#sum = (this.#sum + numberOf(all.subarray(from, at + 1))) % MODULUS;
      from = at + 1;
    }
    this.#rest = Buffer.from(all.subarray(from));
  }

  result(): string {
    return this.#sum.toString(16);
  }
}

function numberOf(bytes: Buffer): bigint {
  return BigInt(`0x${hash('sha256', bytes).slice(0, 32)}`);
}

/** Of large objects, in any order. */
export class ObjectsSum {
  count = 0;
  #sum = 0n;

  add(oid: number, sha256: string): void {
    this.count++;
    this.#sum = (this.#sum + numberOf(Buffer.from(`${oid} ${sha256}`))) % MODULUS;
  }

  result(): { count: number; checksum: string } {
    return { count: this.count, checksum: this.#sum.toString(16).padStart(32, '0') };
  }
}
