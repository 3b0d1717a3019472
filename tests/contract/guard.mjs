// Holds every answer that passes through the end-to-end harness against the contract of the role that gave it.
export { ContractViolation } from './violation.mjs';

let Contract;
try {
  ({ Contract } = await import('./contract.mjs'));
} catch (error) {
  if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error;
  process.emitWarning('answers are not held against api/: run `npm ci` in tests/contract, or ./dev test');
}

const contracts = new Map(); // By role.
const rolesByOrigin = new Map();
const seen = new Set(); // "role operationId" of those that answered well.

// From now on the role answers at this address (of endpoints.json).
export function watch(role, address) {
  if (!Contract || !address.startsWith('http')) return;
  if (!contracts.has(role)) contracts.set(role, new Contract(role));
  rolesByOrigin.set(new URL(address).origin, role);
}

export const hasSeen = (role, operationId) => seen.has(`${role} ${operationId}`);

const contractAt = ({ origin }) => contracts.get(rolesByOrigin.get(origin));

function jsonOf(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // Not JSON: what that means is for the contract to say.
  }
}

// Throws a ContractViolation when the answer is not as described. { status, headers, text, json } as http.mjs has it.
export function checkAnswer(url, { method = 'GET', body }, { status, headers, text, json }) {
  const at = new URL(url);
  const contract = contractAt(at);
  if (!contract) return;
  const sent = typeof body === 'string' || Buffer.isBuffer(body) ? jsonOf(body.toString()) : body;
  const type = headers['content-type'];
  const { operation } = contract.check({
    method,
    pathname: at.pathname,
    status,
    type,
    text,
    json,
    body: sent,
  });
  if (operation && status < 300) seen.add(`${contract.role} ${operation.id}`);
}

// Checks the head of a stream; what it gives checks one frame's data.
export function checkStream(url, { method = 'GET' } = {}, { status, headers }) {
  const at = new URL(url);
  const contract = contractAt(at);
  if (!contract) return () => {};
  const head = contract.head({ method, pathname: at.pathname, status, type: headers['content-type'] });
  if (!head.isStream) return () => {};
  if (head.operation) seen.add(`${contract.role} ${head.operation.id}`);
  return (data) => data === '[DONE]' || contract.checkEvent(head, JSON.parse(data));
}
