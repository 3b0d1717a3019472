// One role's contract, api/<role>.openapi.yaml, as something that real answers can be held against.
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { Ajv2020 } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';
import { parse } from 'yaml';

import { ContractViolation } from './violation.mjs';

export const folder = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../api');
export const roles = fs
  .readdirSync(folder)
  .filter((name) => name.endsWith('.openapi.yaml'))
  .map((name) => name.replace('.openapi.yaml', ''));

const methods = ['get', 'put', 'post', 'patch', 'delete'];
const kErrorsShown = 5;
const kValueShown = 300; // Characters.

// Every file of api/ by its name, and a validator that knows them all.
const files = Object.fromEntries(
  fs
    .readdirSync(folder)
    .filter((name) => name.endsWith('.yaml'))
    .map((name) => [name, parse(fs.readFileSync(path.join(folder, name), 'utf8'))]),
);
const ajv = new Ajv2020({
  allErrors: true,
  verbose: true,
  strict: true,
  strictRequired: false,
  allowUnionTypes: true,
});
(formats.default ?? formats)(ajv);
// A whole document is a schema to ajv, so that references find their way.
ajv.addVocabulary(['openapi', 'info', 'servers', 'security', 'tags', 'paths', 'components', 'example']);
for (const [name, file] of Object.entries(files)) ajv.addSchema(file, name);
const validators = new Map(); // By where the schema is.

function validator(at) {
  if (!validators.has(at)) validators.set(at, ajv.compile({ $ref: at }));
  return validators.get(at);
}

export const escaped = (key) => key.replaceAll('~', '~0').replaceAll('/', '~1');

function sentence({ instancePath, message, params, data }) {
  const key = params.additionalProperty ?? params.unevaluatedProperty;
  const value = key === undefined ? data : data[key];
  const shown = JSON.stringify(value) ?? 'nothing';
  const at = key === undefined ? instancePath : `${instancePath}/${escaped(key)}`;
  const rule = params.allowedValues ? `${message}: ${params.allowedValues.join(', ')}` : message;
  return `  ${at || '/'}: ${rule}; there is ${shown.length > kValueShown ? `${shown.slice(0, kValueShown)}...` : shown}`;
}

// The addresses of an operation: {name} is one segment, a parameter with x-rest takes slashes too.
function pattern(template, takesRest) {
  const parts = template.split(/\{[^}]+\}/).map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  const last = takesRest ? '.*' : '[^/]+';
  const body = parts.reduce((all, part, i) => all + (i === parts.length - 1 ? last : '[^/]+') + part);
  return new RegExp(`^${body}$`);
}

export class Contract {
  constructor(role) {
    this.role = role;
    this.name = `${role}.openapi.yaml`;
    this.operations = this.#read();
    this.#prepareStreams();
  }

  // What `value` or its $ref is, and the file and pointer where it stands.
  resolve(value, at) {
    if (value?.$ref === undefined) return { value, at };
    const [file, pointer] = value.$ref.split('#');
    const name = file || at.split('#')[0];
    let found = files[name];
    for (const key of pointer.split('/').slice(1))
      found = found?.[key.replaceAll('~1', '/').replaceAll('~0', '~')];
    if (found === undefined) throw new Error(`${at}: ${value.$ref} leads nowhere`);
    return this.resolve(found, `${name}#${pointer}`);
  }

  #read() {
    const list = [];
    for (const [template, reference] of Object.entries(files[this.name].paths)) {
      const item = this.resolve(reference, `${this.name}#/paths/${escaped(template)}`);
      for (const method of methods) {
        const operation = item.value[method];
        if (!operation) continue;
        const parameters = [...(item.value.parameters ?? []), ...(operation.parameters ?? [])].map(
          (parameter) => this.resolve(parameter, item.at).value,
        );
        list.push({
          id: operation.operationId,
          title: `${method.toUpperCase()} ${template}`,
          method: method.toUpperCase(),
          template,
          value: operation,
          at: `${item.at}/${method}`,
          parameters,
          pattern: pattern(
            template,
            parameters.some((parameter) => parameter['x-rest']),
          ),
        });
      }
    }
    // As the router does it: a literal segment wins over a parameter.
    return list.sort((a, b) => a.template.split('{').length - b.template.split('{').length);
  }

  // A test that acts in the middle of a stream must not be late because its first event had to wait for a compiler.
  #prepareStreams() {
    for (const operation of this.operations)
      for (const status of Object.keys(operation.value.responses)) {
        const { value, at } = this.resolve(
          operation.value.responses[status],
          `${operation.at}/responses/${status}`,
        );
        if (value.content?.['text/event-stream']) validator(`${at}/content/text~1event-stream/schema`);
      }
  }

  // The operation of a request; undefined when nothing is described there.
  find(method, pathname) {
    const wanted = method === 'HEAD' ? 'GET' : method;
    return this.operations.find((one) => one.method === wanted && one.pattern.test(pathname));
  }

  // { description, at } of an answer of this status, or undefined.
  #described(operation, status) {
    const responses = operation.value.responses;
    const key = [String(status), `${Math.floor(status / 100)}XX`].find((name) => responses[name]);
    // `default` is for errors: a success is described by its own status.
    const found = key ?? (status >= 400 && responses.default ? 'default' : undefined);
    if (found === undefined) return undefined;
    return this.resolve(responses[found], `${operation.at}/responses/${found}`);
  }

  // How a value differs from the schema at `at` ("pool.openapi.yaml#/components/schemas/Lease"), a sentence each.
  errors(at, value) {
    const validate = validator(at);
    return validate(value) ? [] : validate.errors.map(sentence);
  }

  #validate(at, value, what) {
    const found = this.errors(at, value).slice(0, kErrorsShown);
    if (found.length === 0) return;
    throw new ContractViolation(
      `${this.role}: ${what} is not what api/${this.name} says (${at}):\n${found.join('\n')}`,
    );
  }

  // What the contract says of an answer by its status and type: { operation, what, at, isJson, isStream }; throws
  // a ContractViolation when it says nothing. `at` is the place of the schema.
  head({ method, pathname, status, type }) {
    const operation = this.find(method, pathname);
    if (!operation) {
      if (status < 400)
        throw new ContractViolation(
          `${this.role}: ${method} ${pathname} answers ${status}, but api/${this.name} does not describe it`,
        );
      return {
        what: `the error of ${method} ${pathname}`,
        isJson: true,
        at: 'common.yaml#/components/schemas/Error',
      };
    }
    const what = `the answer ${status} of ${operation.id} (${operation.title})`;
    const described = this.#described(operation, status);
    if (!described) throw new ContractViolation(`${this.role}: ${what} is not described in api/${this.name}`);
    const media = (type ?? '').split(';')[0].trim().toLowerCase();
    const content = described.value.content ?? {};
    const isEmpty = media === '' && Object.keys(content).length === 0;
    if (isEmpty) return { operation, what, isJson: false, isStream: false };
    if (!content[media])
      throw new ContractViolation(
        `${this.role}: ${what} is of type '${media}'; api/${this.name} says ${Object.keys(content).join(', ') || 'nothing'}`,
      );
    const at = `${described.at}/content/${escaped(media)}/schema`;
    return {
      operation,
      what,
      at,
      isJson: media === 'application/json',
      isStream: media === 'text/event-stream',
    };
  }

  // Throws a ContractViolation. `json` is the body when it is JSON, `body` what was sent, when that was JSON.
  check({ method, pathname, status, type, text, json, body }) {
    const head = this.head({ method, pathname, status, type });
    if (method !== 'HEAD' && head.isJson) {
      if (json === undefined)
        throw new ContractViolation(`${this.role}: ${head.what} is not JSON: ${text?.slice(0, kValueShown)}`);
      this.#validate(head.at, json, head.what);
    }
    const taken = head.operation?.value.requestBody;
    if (status >= 300 || body === undefined || !taken) return head;
    const { at } = this.resolve(taken, `${head.operation.at}/requestBody`);
    this.#validate(
      `${at}/content/application~1json/schema`,
      body,
      `the body that ${head.operation.id} (${head.operation.title}) took`,
    );
    return head;
  }

  // One event of the stream that `head` opened.
  checkEvent(head, event) {
    this.#validate(head.at, event, `an event of ${head.what}`);
  }
}
