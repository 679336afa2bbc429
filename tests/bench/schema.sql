-- SPDX-License-Identifier: BSD-2-Clause
-- The sale in PostgreSQL.  Half of the page of the counter's row stays free, so
-- that its next version fits beside it; the ledger has one index only.
CREATE TABLE sale (
  id text PRIMARY KEY,
  capacity bigint NOT NULL,
  remaining bigint NOT NULL CHECK (remaining >= 0),
  version bigint NOT NULL
) WITH (fillfactor = 50);
CREATE TABLE ledger (
  version bigint PRIMARY KEY,
  seat bigint NOT NULL,
  buyer text NOT NULL,
  key text NOT NULL,
  sold_at timestamptz NOT NULL DEFAULT now()
);
INSERT INTO sale VALUES ('demo', :capacity, :capacity, 0);
