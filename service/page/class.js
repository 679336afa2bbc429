// SPDX-License-Identifier: BSD-2-Clause
// The class is the load: one sale for everybody's telephone, and a hall that
// polls it.  A new round is the same sale opened anew, so that telephones keep
// their address.

import { call, get, ledger } from './api.js';
import { removeSale } from './sale.js';
import { $ } from './dom.js';
import { t } from './i18n.js';

const POLL_MS = 1000;
const KEPT = 'turnstile-class';
const NAMES = ['class', 'class-2', 'class-3', 'class-4', 'class-5'];

function remember(id) {
  try {
    sessionStorage.setItem(KEPT, id);
  } catch { /* then a reload opens another one */ }
}

function recall() {
  try {
    return sessionStorage.getItem(KEPT) || null;
  } catch {
    return null;
  }
}

export class ClassSale {
  // `on`: {opened(settings), lines(list), judged(result), closed(result)}
  constructor(on) {
    Object.assign(this, { on, id: null, round: 0 });
  }

  // A free id; our own may be opened again, also after a reload.
  async open(settings) {
    const mine = this.id ?? recall();
    const round = ++this.round;
    this.report();
    if (mine)
      await removeSale(mine);
    for (const id of mine ? [mine] : NAMES) {
      try {
        await call('POST', '/sales', { id, capacity: settings.tickets,
          lock: settings.lock, delay: settings.delay });
        this.id = id;
        remember(id);
        break;
      } catch (error) {
        if (error.kind !== 'sale-exists' || id === NAMES.at(-1) || mine)
          throw error;
      }
    }
    Object.assign(this, { settings, lines: [], etag: null, version: 0,
      audit: null });
    $('class-address').textContent = `${location.host}/#buy=${this.id}`;
    $('class-address').href = `/#buy=${this.id}`;
    this.on.opened(settings);
    this.poll(round);
  }

  async close() {
    const { id } = this;
    this.round++;
    this.report();
    this.id = null;
    remember('');
    await removeSale(id);
  }

  // What the round came to, for the table of runs.
  report() {
    if (this.audit)
      this.on.closed(this.settings, this.audit);
    this.audit = null;
  }

  async poll(round) {
    while (round === this.round) {
      try {
        await this.look(round);
      } catch (error) {
        if (error.status === 404 && round === this.round) {
          $('class-state').textContent = t('classGone');
          this.id = null;
          return;
        }
      }
      await new Promise((done) => setTimeout(done, POLL_MS));
    }
  }

  async look(round) {
    const known = this.etag ? { 'If-None-Match': this.etag } : {};
    const { status, etag, data } = await call('GET', `/sales/${this.id}`,
      undefined, known);
    if (status === 304 || round !== this.round)
      return;
    const lines = data.version > this.version
      ? await ledger(this.id, this.version, true) : [];
    const audit = await get(`/sales/${this.id}/audit`);
    if (round !== this.round)
      return;
    Object.assign(this, { etag, audit: audit.receipts > 0 ? audit : null });
    this.version = Math.max(this.version, ...lines.map((line) => line.version));
    this.lines.push(...lines);
    $('class-state').textContent = t('classState', { lock: data.lock,
      sold: audit.tickets, left: data.remaining });
    this.on.lines(lines.filter((line) => line.kind === 'sold'), data);
    if (audit.receipts > 0)
      this.on.judged({ audit, lines: this.lines.filter((line) =>
        line.kind !== 'sold'), orders: this.lines.filter((line) =>
        line.kind === 'sold').map((line) => ({ ...line, outcome: 'sold' })) });
  }
}
