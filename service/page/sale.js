// SPDX-License-Identifier: BSD-2-Clause
// A run: a sale of its own, and a crowd of buyers.

import { call, get, ledger, randomKey } from './api.js';
import { t } from './i18n.js';

const LAST = 'turnstile-sale';

function remember(id) {
  try {
    sessionStorage.setItem(LAST, id);
  } catch { /* then it stays until somebody deletes it */ }
}

function lastSale() {
  try {
    return sessionStorage.getItem(LAST);
  } catch {
    return null;
  }
}

// Gone already is as good.
export async function removeSale(id) {
  try {
    await call('DELETE', `/sales/${id}?force=1`);
  } catch (error) {
    if (error.status !== 404)
      throw error;
  }
}

export async function openSale(settings) {
  const last = lastSale();
  if (last) {
    remember('');
    await removeSale(last);
  }
  const id = `page-${randomKey().slice(0, 6)}`;
  await call('POST', '/sales', { id, capacity: settings.tickets,
    lock: settings.lock, delay: settings.delay });
  remember(id);
  return id;
}

export function buyerName(i) {
  return t('names').split(' ')[i] ?? t('buyerN', { n: i + 1 });
}

// As an order of the story: sold, refused, or failed.
function orderOf(answer, buyer) {
  if (answer.status === 201)
    return { ...answer, outcome: 'sold' };
  const { worker, clerk, trail } = answer;
  return { buyer, worker, clerk, trail: trail ?? [], seats: [],
    outcome: answer.status === 409 ? 'refused' : 'failed' };
}

async function sendCrowd(id, buyers) {
  try {
    const { data } = await call('POST', `/sales/${id}/crowd?trail`, { buyers });
    return data.answers.map((answer, i) => orderOf(answer, buyers[i]));
  } catch (error) {
    if (error.status !== 0 && error.status < 500)
      throw error;
    return buyers.map((buyer) => orderOf({ status: error.status }, buyer));
  }
}

// The service makes the crowd: a browser opens six connections and no more.
// One of them stays free for what is done meanwhile, and the others find
// different workers.
const CALLS = 5;

export async function sendBuyers(id, count, onAnswer) {
  const parts = Array.from({ length: Math.min(CALLS, count) }, () => []);
  for (let i = 0; i < count; i++)
    parts[i % parts.length].push(buyerName(i));
  const answered = await Promise.all(parts.map(async (buyers) => {
    const orders = await sendCrowd(id, buyers);
    orders.forEach(onAnswer);
    return orders;
  }));
  return answered.flat();
}

const POLL_MS = 400;

// While they wait: what is sold so far, until `isOver()`.
export async function watchSale(id, isOver, onLine) {
  let version = 0;
  for (;;) {
    await new Promise((done) => setTimeout(done, POLL_MS));
    if (isOver())
      return;
    try {
      for (const line of await ledger(id, version, false)) {
        version = line.version;
        if (line.kind === 'sold' && !isOver())
          onLine(line);
      }
    } catch { /* busy: look again */ }
  }
}

// What became of a sale: the audit, the counter, and lines that sold nothing.
export async function inspect(id, wholeLedger) {
  const [audit, sale] = await Promise.all([get(`/sales/${id}/audit`),
    get(`/sales/${id}`)]);
  const lines = audit.recounts > 0 || audit.strategies.length > 1 ||
    wholeLedger ? await ledger(id, 0, wholeLedger) : [];
  return { audit, sale, lines };
}
