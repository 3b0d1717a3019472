// Who gets what from a route: a table of routes x {nobody, their owner, another user, another role of the platform}.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { internalSecret } from './harness.mjs';
import { expectEnvelope, request } from './http.mjs';

const internal = { 'X-Internal-Service': 'true', 'X-Internal-Service-Secret': internalSecret };
const callers = { nobody: {}, owner: { 'user-id': 'ada' }, other: { 'user-id': 'bob' }, internal };

// By caller, in the order of `callers`. An answer that may be one of several is a list.
export const open = [200, 200, 200, 200];
export const mine = [401, 200, 404, 200]; // A thing of ada: to bob it does not exist; the platform sees everything.
export const anybody = [401, 200, 200, 200]; // Whoever says who they are.
export const nowhere = [401, 404, 404, 404];
export const rolesOnly = (answer) => [401, 403, 403, answer];

// `routes`: [method, path, answers, body]; a body that is a function is made anew for each caller. `address` gives the
// role's address and `fill` the path with things in place of its {names}, once the platform is there.
export function describeRoutes(role, routes, { skip, address, fill }) {
  describe(`routes of ${role}`, { skip }, () => {
    for (const [method, route, answers, body] of routes) {
      test(`${method} ${route} answers each caller as it should`, async () => {
        for (const [index, [caller, headers]] of Object.entries(callers).entries()) {
          const target = await fill(route);
          const answer = await request(address() + target, {
            method,
            headers,
            body: typeof body === 'function' ? body() : body,
          });
          const expected = [answers[index]].flat();
          assert.ok(
            expected.includes(answer.status),
            `${method} ${target} as ${caller}: ${answer.status}, not ${expected}: ${answer.text.slice(0, 300)}`,
          );
          if (answer.status >= 400) expectEnvelope(answer);
        }
      });
    }
  });
}
