\set n :n + 1
WITH sold AS (
  UPDATE sale SET remaining = remaining - 1, version = version + 1
  WHERE id = 'demo' AND remaining >= 1
  RETURNING version, capacity - remaining AS seat)
INSERT INTO ledger (version, seat, buyer, key)
SELECT version, seat, 'b', concat(:client_id::int, '-', :n::int) FROM sold
RETURNING version, seat;
