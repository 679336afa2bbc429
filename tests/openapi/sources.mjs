// SPDX-License-Identifier: BSD-2-Clause
// What the service's tables say: its routes and its problems.
import { readFileSync } from 'node:fs';

// A table's text: from its name to the brace that ends it.
function table(file, name) {
  const text = readFileSync(file, 'utf8');
  const from = text.indexOf(`${name}[`);
  if (from === -1) throw new Error(`${file} has no table ${name}[]`);
  return text.slice(from, text.indexOf('\n};', from));
}

// Variables have other names in the document.
export const unnamed = (route) => route.replace(/\{\w+\}/g, '{}');

// "GET /sales/{}", and so on
export function routes(root) {
  return [...table(`${root}/service/http/routes.c`, 'routes')
    .matchAll(/\{\s*"([A-Z]+)",\s*"([^"]+)"/g)]
    .map(([, method, pattern]) => unnamed(`${method} ${pattern}`));
}

// "GET /sales/{} ?seat", and so on: each argument that a route knows
export function args(root) {
  return [...table(`${root}/service/http/routes.c`, 'routes')
    .matchAll(/\{\s*"([A-Z]+)",\s*"([^"]+)"[^"]*"([^"]*)"\s*\}/g)]
    .flatMap(([, method, pattern, words]) => words.split(', ')
      .filter((word) => word !== '')
      .map((word) => `${unnamed(`${method} ${pattern}`)} ?${word}`));
}

// name -> status
export function problems(root) {
  return new Map([...table(`${root}/service/http/problem.c`, 'rows')
    .matchAll(/\{\s*"([a-z-]+)",\s*(\d{3}),/g)]
    .map(([, name, status]) => [name, Number(status)]));
}
