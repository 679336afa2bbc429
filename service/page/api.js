// SPDX-License-Identifier: BSD-2-Clause
// The service's calls.  The token comes from the link once, and then lives in
// the session of this tab only.

import { t } from './i18n.js';

const TOKEN = 'turnstile-token';

export class ApiError extends Error {
  constructor(status, problem) {
    super(problem.detail ?? problem.title ?? String(status));
    this.status = status;
    this.problem = problem;
    this.kind = (problem.type ?? '').split('/').at(-1);
  }
}

// Storage may be forbidden; then the token lasts as long as the page.
let kept = '';

export function setToken(token) {
  kept = token;
  try {
    sessionStorage.setItem(TOKEN, token);
  } catch { /* kept, as said */ }
}

function token() {
  try {
    return sessionStorage.getItem(TOKEN) ?? kept;
  } catch {
    return kept;
  }
}

function headersOf(more) {
  const headers = new Headers(more);
  if (token())
    headers.set('Authorization', `Bearer ${token()}`);
  return headers;
}

// The answer's {status, etag, data}; 4xx and 5xx are thrown.
export async function call(method, path, body, more = {}) {
  let response;
  const init = { method, headers: headersOf(more), cache: 'no-store' };
  if (body !== undefined) {
    init.headers.set('Content-Type', 'application/json');
    init.body = JSON.stringify(body);
  }
  try {
    response = await fetch(path, init);
  } catch {
    throw new ApiError(0, { detail: t('errorNetwork') });
  }
  const text = await response.text();
  let data = null;
  try {
    data = text === '' ? null : JSON.parse(text);
  } catch { /* not JSON: data stays null */ }
  if (response.status >= 400)
    throw new ApiError(response.status, data ?? { detail: text.slice(0, 200) });
  return { status: response.status, etag: response.headers.get('ETag'), data };
}

export const get = async (path) => (await call('GET', path)).data;

// 1 to 3 ledger pages are usual; a sale of thousands is not for this page.
export async function ledger(id, after, trails) {
  const lines = [];
  let next = after;
  do {
    const page = await get(`/sales/${id}/ledger?limit=1000&after=${next}` +
      (trails ? '&trail' : ''));
    lines.push(...page.lines);
    next = page.next;
  } while (next !== null && lines.length < 5000);
  return lines;
}

// 128 random bits; crypto.randomUUID is not there over plain HTTP.
export function randomKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}
