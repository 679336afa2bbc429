-- SPDX-License-Identifier: BSD-2-Clause
-- Buy a ticket in Redis: the counter goes down, an entry of the ledger (a
-- stream) has the seat, the buyer and the key, and the buyer gets a receipt.
-- Redis runs it as one step, and with `appendfsync always` it is on disk before
-- the answer.  CAPACITY is put in when it is loaded.
local left = redis.call('DECR', 'demo:remaining')
if left < 0 then
  redis.call('INCR', 'demo:remaining')
  return redis.error_reply('SOLDOUT no tickets are left')
end
local seat = CAPACITY - left
local entry = redis.call('XADD', 'demo:ledger', '*', 'seat', seat, 'buyer',
  ARGV[1], 'key', ARGV[2])
return {entry, seat, left}
