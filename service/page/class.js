// SPDX-License-Identifier: BSD-2-Clause
// The class is the load: one sale for everybody's telephone.  First all of them
// predict, then the sale is opened.  What telephones say (that they are there,
// what they predict, what they were told) are lines of a second sale, the
// round's notes: "guess 12 0f3a…" bought one.  A new round has new notes, and
// the same addresses.

import { call, get, ledger } from './api.js';
import { removeSale } from './sale.js';

const POLL_MS = 1000;
const KEPT = 'turnstile-class';
const NAMES = ['class', 'class-2', 'class-3', 'class-4', 'class-5'];
const NOTES_MOST = 100000;

export const notesOf = (id) => `${id}-notes`;

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

// What the telephones said; of each only its last word counts.
export class Notes {
  constructor() {
    Object.assign(this, { here: new Set(), guesses: new Map(),
      told: new Map() });
  }

  add(text) {
    const [kind, value, phone] = (text ?? '').split(' ');
    if (!phone)
      return;
    this.here.add(phone);
    if (kind === 'guess' && Number(value) >= 0)
      this.guesses.set(phone, Number(value));
    if (kind === 'told')
      this.told.set(phone, value);
  }

  // [{from, to, n}] of the predictions, at most twelve.
  spread() {
    const all = [...this.guesses.values()];
    const values = [...new Set(all)].sort((a, b) => a - b);
    const each = Math.ceil(values.length / 12) || 1;
    const bars = [];
    for (let i = 0; i < values.length; i += each) {
      const from = values[i], to = values[Math.min(i + each, values.length) - 1];
      bars.push({ from, to, n: all.filter((v) => v >= from && v <= to).length });
    }
    return bars;
  }

  toldCount(kind) {
    return [...this.told.values()].filter((told) => told === kind).length;
  }
}

export class ClassSale {
  // `on`: {opened(settings), noted(notes), sells(settings), lines(list, sale),
  // judged(result), closed(settings, audit), gone()}
  constructor(on) {
    Object.assign(this, { on, id: null, round: 0, sells: false });
  }

  // A free name for the notes; our own may be opened again, also after a
  // reload.  Nothing is sold yet.
  async open(settings) {
    const mine = this.id ?? recall();
    const round = ++this.round;
    this.report();
    this.sells = false;
    if (mine)
      await this.remove(mine);
    for (const id of mine ? [mine] : NAMES) {
      try {
        await call('POST', '/sales', { id: notesOf(id), capacity: NOTES_MOST,
          lock: 'mutex', delay: '0' });
        this.id = id;
        remember(id);
        break;
      } catch (error) {
        if (error.kind !== 'sale-exists' || id === NAMES.at(-1) || mine)
          throw error;
      }
    }
    Object.assign(this, { settings, notes: new Notes(), noted: 0, lines: [],
      etag: null, version: 0, audit: null });
    this.on.opened(settings);
    this.poll(round);
  }

  // Everybody may press now.
  async start(settings) {
    this.settings = settings;
    await call('POST', '/sales', { id: this.id, capacity: settings.tickets,
      lock: settings.lock, delay: settings.delay });
    this.sells = true;
    this.on.sells(settings);
  }

  async close() {
    const { id } = this;
    this.round++;
    this.report();
    this.id = null;
    this.sells = false;
    remember('');
    await this.remove(id);
  }

  async remove(id) {
    await removeSale(id);
    await removeSale(notesOf(id));
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
        await this.readNotes(round);
        if (this.sells)
          await this.look(round);
      } catch (error) {
        if (error.status === 404 && round === this.round) {
          this.round++;
          this.id = null;
          this.on.gone();
          return;
        }
      }
      await new Promise((done) => setTimeout(done, POLL_MS));
    }
  }

  async readNotes(round) {
    const lines = await ledger(notesOf(this.id), this.noted, false);
    if (round !== this.round)
      return;
    for (const line of lines) {
      this.noted = line.version;
      this.notes.add(line.buyer);
    }
    this.on.noted(this.notes);
  }

  async look(round) {
    const known = this.etag ? { 'If-None-Match': this.etag } : {};
    const { status, etag, data } = await call('GET', `/sales/${this.id}`,
      undefined, known);
    if (status === 304 || round !== this.round)
      return;
    const audit = await get(`/sales/${this.id}/audit`);
    const lines = data.version > this.version
      ? await ledger(this.id, this.version, true) : [];
    if (round !== this.round)
      return;
    Object.assign(this, { etag, audit: audit.receipts > 0 ? audit : null });
    this.version = Math.max(this.version, ...lines.map((line) => line.version));
    this.lines.push(...lines);
    this.on.lines(lines.filter((line) => line.kind === 'sold'), data);
    if (audit.receipts > 0)
      this.on.judged({ audit, lines: this.lines.filter((line) =>
        line.kind !== 'sold'), orders: this.lines.filter((line) =>
        line.kind === 'sold').map((line) => ({ ...line, outcome: 'sold' })) });
  }
}
