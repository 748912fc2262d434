/** What a person did wrong, with the status to answer. Everything else is our fault: 500. */
export class ProductError extends Error {
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

export const notFound = (what: string) => new ProductError(404, 'NOT_FOUND', `There is no such ${what}.`);
export const forbidden = (message: string) => new ProductError(403, 'FORBIDDEN', message);
export const conflict = (message: string) => new ProductError(409, 'CONFLICT', message);

/** Nobody is signed in: the sign-in page is the answer. */
export class SignInFirst extends ProductError {
  constructor() {
    super(401, 'UNAUTHENTICATED', 'Sign in first.');
  }
}
