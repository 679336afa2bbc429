// SPDX-License-Identifier: BSD-2-Clause
// service/openapi.yaml as a judge: is this answer one that it allows?
import { readFileSync } from 'node:fs';
import Ajv from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { parse } from 'yaml';

const ID = 'file:///openapi';
const METHODS = ['get', 'post', 'patch', 'delete', 'put', 'head', 'options'];
// Where one of these is sent, the document must say so.
const TELLING = ['location', 'etag', 'retry-after', 'www-authenticate',
  'next-after', 'idempotent-replayed'];

// The schemas, with references that hold outside of the document.
function rebase(schema) {
  return JSON.parse(JSON.stringify(schema)
    .replaceAll('"#/components/schemas/', `"${ID}#/$defs/`));
}

function mediaType(headers) {
  return (headers['content-type'] ?? '').split(';')[0].trim().toLowerCase();
}

export class OpenApi {
  constructor(file) {
    this.root = parse(readFileSync(file, 'utf8'));
    this.ajv = new Ajv(
      { strict: true, allowUnionTypes: true, allErrors: true });
    addFormats(this.ajv);
    const $defs = this.root.components.schemas;
    this.ajv.addSchema(rebase({ $id: ID, $defs }));
    this.compiled = new Map();
    this.operations = new Map();
    for (const [path, item] of Object.entries(this.root.paths))
      for (const method of METHODS)
        if (item[method]) this.addOperation(path, method, item);
  }

  addOperation(path, method, item) {
    const own = item[method];
    const parameters = [...item.parameters ?? [], ...own.parameters ?? []]
      .map((parameter) => this.follow(parameter));
    this.operations.set(own.operationId,
      { ...own, path, method: method.toUpperCase(), parameters });
  }

  follow(value) {
    if (!value?.$ref) return value;
    const steps = value.$ref.slice(2).split('/');
    return steps.reduce(
      (at, step) => at[step.replaceAll('~1', '/')], this.root);
  }

  // What is wrong with the value; [] is nothing.
  misfits(schema, value, what) {
    if (!this.compiled.has(schema))
      this.compiled.set(schema, this.ajv.compile(rebase(schema)));
    const validate = this.compiled.get(schema);
    if (validate(value)) return [];
    return validate.errors.map((error) =>
      `${what}${error.instancePath} ${error.message} ` +
      JSON.stringify(error.params));
  }

  schema(name) {
    return this.root.components.schemas[name];
  }

  // Every "operation status" that is documented.
  documented() {
    return [...this.operations].flatMap(([id, { responses }]) =>
      Object.keys(responses).map((status) => `${id} ${status}`));
  }

  problems() {
    const { pattern } = this.schema('Problem').properties.type;
    return pattern.match(/\((.*)\)/)[1].split('|');
  }

  // An answer: { status, headers, text }.
  judgeAnswer(id, answer) {
    const responses = this.operations.get(id).responses;
    const response = this.follow(responses[answer.status]);
    if (!response) return [`status ${answer.status} is not documented`];
    return [
      ...this.judgeHeaders(response.headers ?? {}, answer.headers),
      ...this.judgeBody(response.content, answer),
    ];
  }

  judgeHeaders(documented, headers) {
    const faults = this.misfits(this.root.components.headers['X-Request-Id']
      .schema, headers['x-request-id'] ?? '', 'X-Request-Id');
    const names = Object.keys(documented).map((name) => name.toLowerCase());
    for (const name of TELLING)
      if (name in headers && !names.includes(name))
        faults.push(`the header ${name} is not documented`);
    for (const [name, reference] of Object.entries(documented)) {
      const { required, schema } = this.follow(reference);
      const value = headers[name.toLowerCase()];
      if (value !== undefined)
        faults.push(...this.misfits(schema, value, name));
      else if (required)
        faults.push(`the header ${name} is missing`);
    }
    return faults;
  }

  judgeBody(content, { headers, text, status }) {
    if (!content)
      return text === '' ? [] : ['there is a body, and none is documented'];
    const type = mediaType(headers);
    if (!content[type]) return [`the type "${type}" is not documented`];
    const faults = text.endsWith('\n') ? [] : ['no newline at the end'];
    const { schema } = content[type];
    if (!/[/+]json$/.test(type))
      return [...faults, ...this.misfits(schema, text, 'text')];
    const value = parseJson(text);
    if (value === undefined) return [...faults, 'the body is not JSON'];
    if (type === 'application/problem+json' && value.status !== status)
      faults.push(`its member status is ${value.status}`);
    return [...faults, ...this.misfits(schema, value, 'body')];
  }

  // Does a JSON body fit what the operation says it takes?
  fitsRequest(id, json) {
    const content = this.operations.get(id).requestBody.content;
    const { schema } = content['application/json'];
    return this.misfits(schema, json, '').length === 0;
  }
}

export function parseJson(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
