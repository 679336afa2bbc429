// SPDX-License-Identifier: BSD-2-Clause
// The class is the load: one sale for everybody's telephone.  First all of them
// predict, then the sale is opened.  What telephones say (that they are there,
// what they predict, what they were told) are lines of a second sale, the
// round's notes: "guess 12 0f3a…" bought one.  The first of them are the round's
// settings: "round 20,none,150ms host".  A new round has new notes, and the same
// addresses.

import { call, get, ledger } from './api.js';
import { removeSale } from './sale.js';

const POLL_MS = 1000;
const KEPT = 'turnstile-class';
const NAMES = ['class', 'class-2', 'class-3', 'class-4', 'class-5'];
const NOTES_MOST = 100000;
const BARS = 8;
const WIDTHS = [1, 10, 100, 1000].flatMap((k) => [k, 2 * k, 3 * k, 5 * k]);

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

const settingsOf = (value) => {
  const [tickets, lock, delay] = value.split(',');
  return { tickets: Number(tickets), lock, delay };
};

// How many there will be; null: not said yet.  Telephones may be quicker than
// the host's own line, so it is one of the first.
export async function ticketsOf(id) {
  const { lines } = await get(`/sales/${notesOf(id)}/ledger?limit=50`);
  const [, value] = lines.map((line) => (line.buyer ?? '').split(' '))
    .find(([kind]) => kind === 'round') ?? [];
  return value ? settingsOf(value).tickets : null;
}

// What the telephones said; of each only its last word counts.  `settings` are
// the round's.
export class Notes {
  constructor() {
    Object.assign(this, { here: new Set(), guesses: new Map(),
      told: new Map(), settings: null });
  }

  add(text) {
    const [kind, value, phone] = (text ?? '').split(' ');
    if (!phone)
      return;
    if (kind === 'round') {
      this.settings ??= settingsOf(value);
      return;
    }
    this.here.add(phone);
    if (kind === 'guess' && /^[0-9]{1,4}$/.test(value))
      this.guesses.set(phone, Number(value));
    // Whoever has a seat has it, whatever a later order was told.
    if (kind === 'told' && this.told.get(phone) !== 'sold')
      this.told.set(phone, value);
  }

  // [{from, to, n}] of the predictions, each as wide as the next.  A few far
  // above all others share the last one, whose `to` is Infinity.
  spread() {
    const all = [...this.guesses.values()].sort((a, b) => a - b);
    if (all.length === 0)
      return [];
    const most = all[Math.ceil(0.9 * all.length) - 1], last = all.at(-1);
    const start = (width) => all[0] - all[0] % width;
    const width = WIDTHS.find((w) => most < start(w) + (BARS - 1) * w);
    const fits = last < start(width) + BARS * width;
    const end = fits ? last : most;
    const bars = [];
    for (let from = start(width); from <= end; from += width)
      bars.push({ from, to: from + width - 1 });
    if (!fits)
      bars.push({ from: bars.at(-1).to + 1, to: Infinity });
    return bars.map((bar) => ({ ...bar, n: all.filter((guess) =>
      bar.from <= guess && guess <= bar.to).length }));
  }

  // Half of the telephones predict no more; null: none has.
  median() {
    const all = [...this.guesses.values()].sort((a, b) => a - b);
    return all[Math.floor((all.length - 1) / 2)] ?? null;
  }

  toldCount(kind) {
    return [...this.told.values()].filter((told) => told === kind).length;
  }
}

export class ClassSale {
  // `on`: {opened(settings), noted(notes), sells(settings), lines(list, sale),
  // judged(result), gone(id)}
  constructor(on) {
    Object.assign(this, { on, id: null, epoch: null, round: 0, sells: false });
  }

  // The first free name for the notes; our own may be opened again, also after
  // a reload.  Nothing is sold yet.  If there is another's round and it is not
  // said to go `beside` it: that round's id, and nothing is opened.
  async open(settings, beside = false) {
    const mine = this.id ?? recall();
    this.round++;
    this.sells = false;
    if (mine)
      await this.remove(mine);
    for (const id of mine ? [mine] : NAMES) {
      try {
        await call('POST', '/sales', { id: notesOf(id), capacity: NOTES_MOST,
          lock: 'mutex', delay: '0' });
        this.id = id;
        break;
      } catch (error) {
        if (error.kind !== 'sale-exists' || id === NAMES.at(-1) || mine)
          throw error;
        if (!beside)
          return id;
      }
    }
    const { tickets, lock, delay } = settings;
    await call('POST', `/sales/${notesOf(this.id)}/buy`,
      { buyer: `round ${tickets},${lock},${delay} host` });
    await this.follow(this.id, settings);
    return null;
  }

  // The round that this tab opened before it was loaded again.
  async resume(settings) {
    if (recall())
      await this.takeOver(recall(), settings);
  }

  // Go on with a round, wherever it was opened; `settings` if it has not said
  // its own.  Nothing happens if it is gone.
  async takeOver(id, settings) {
    try {
      const lines = await ledger(notesOf(id), 0, false);
      const notes = new Notes();
      lines.forEach((line) => notes.add(line.buyer));
      await this.follow(id, { ...settings, ...notes.settings });
    } catch (error) {
      if (error.status !== 404)
        throw error;
      remember('');
    }
  }

  async follow(id, settings) {
    const { etag } = await call('GET', `/sales/${notesOf(id)}`);
    remember(id);
    Object.assign(this, { id, settings, notes: new Notes(), noted: 0, lines: [],
      etag: null, version: 0, sells: false, epoch: etag?.split('-')[0] });
    const round = ++this.round;
    this.on.opened(settings);
    try {
      await call('GET', `/sales/${id}`);
      this.sells = true;
      this.on.sells(settings);
    } catch (error) {
      if (error.status !== 404)
        throw error;
    }
    this.poll(round);
  }

  // Everybody may press now, under the settings that they were told.
  async start() {
    const { tickets, lock, delay } = this.settings;
    await call('POST', '/sales', { id: this.id, capacity: tickets, lock, delay });
    this.sells = true;
    this.on.sells(this.settings);
  }

  async close() {
    const { id } = this;
    this.round++;
    this.id = null;
    this.sells = false;
    remember('');
    await this.remove(id);
  }

  async remove(id) {
    await removeSale(id);
    await removeSale(notesOf(id));
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
          const { id } = this;
          this.id = null;
          this.sells = false;
          this.on.gone(id);
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
    const { id } = this; // close() may come meanwhile
    const known = this.etag ? { 'If-None-Match': this.etag } : {};
    const { status, etag, data } = await call('GET', `/sales/${id}`,
      undefined, known);
    if (status === 304 || round !== this.round)
      return;
    const audit = await get(`/sales/${id}/audit`);
    const lines = data.version > this.version
      ? await ledger(id, this.version, true) : [];
    if (round !== this.round)
      return;
    this.etag = etag;
    this.version = Math.max(this.version, ...lines.map((line) => line.version));
    this.lines.push(...lines);
    this.on.lines(lines.filter((line) => line.kind === 'sold'), data);
    if (audit.receipts > 0)
      this.on.judged({ audit, lines: this.lines.filter((line) =>
        line.kind !== 'sold'), orders: this.lines.filter((line) =>
        line.kind === 'sold').map((line) => ({ ...line, outcome: 'sold' })) });
  }
}
