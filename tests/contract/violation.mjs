// An answer that differs from the contract: the operation, where in the body, and what was there.
export class ContractViolation extends Error {}
