// SPDX-License-Identifier: BSD-2-Clause
// A run: a sale of its own, and this browser's requests as its buyers.

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

// One buyer; what is returned goes into the story, sold or not.
async function buy(id, buyer) {
  try {
    const { data } = await call('POST', `/sales/${id}/buy?trail`, { buyer });
    return { ...data, outcome: 'sold' };
  } catch (error) {
    const { worker, clerk, trail } = error.problem ?? {};
    return { buyer, worker, clerk, trail: trail ?? [], seats: [],
      outcome: error.status === 409 ? 'refused' : 'failed', error };
  }
}

// The browser lets six requests through at a time.  The others wait here, not
// in its queue: so a change of strategy is sent before them.
const AT_ONCE = 6;

export async function sendBuyers(id, count, onAnswer) {
  const orders = [];
  let next = 0;
  const queue = async () => {
    while (next < count) {
      const order = await buy(id, buyerName(next++));
      orders.push(order);
      onAnswer(order);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, queue));
  return orders;
}

// What became of a sale: the audit, the counter, and lines that sold nothing.
export async function inspect(id, wholeLedger) {
  const [audit, sale] = await Promise.all([get(`/sales/${id}/audit`),
    get(`/sales/${id}`)]);
  const lines = audit.recounts > 0 || audit.strategies.length > 1 ||
    wholeLedger ? await ledger(id, 0, wholeLedger) : [];
  return { audit, sale, lines };
}
