-- SPDX-License-Identifier: BSD-2-Clause
-- What wrk sends, and what it says at the end: a line "BENCH {JSON}".
--
-- BENCH_LOAD is one of these; only those with a number in them are made anew
-- each time, which costs wrk some microseconds a request:
--   look    GET the sale                 find    GET the line of a key
--   buy     POST an order                replay  POST an order sold before
--   keyed   POST an order with an Idempotency-Key of its own
-- BENCH_TAG begins the keys, so that no two runs share one; BENCH_ORDERS is
-- how many keys there are to be found.

local load = os.getenv("BENCH_LOAD")
local tag = os.getenv("BENCH_TAG") or "key"
local orders = tonumber(os.getenv("BENCH_ORDERS") or "1")
local threads, count = 0, 0

function setup(thread)
  threads = threads + 1
  thread:set("number", threads)
end

local headers = {["Content-Type"] = "application/json"}

function init()
  math.randomseed(number)
  if load == "look" then
    wrk.path = "/sales/demo"
  else
    wrk.method, wrk.path = "POST", "/sales/demo/buy"
    wrk.headers, wrk.body = headers, '{"buyer":"b"}'
  end
  if load == "keyed" then
    headers["Idempotency-Key"] = "KEY"
    local head, tail = string.match(wrk.format(), "^(.*)KEY(.*)$")
    mine = {head .. tag .. "-" .. number .. "-", tail}
  end
end

local function keyed()
  count = count + 1
  return mine[1] .. count .. mine[2]
end

local function find()
  return wrk.format("GET",
    "/sales/demo/ledger?key=key-" .. math.random(orders))
end

local function replay()
  local n = math.random(orders)
  headers["Idempotency-Key"] = "key-" .. n
  return wrk.format("POST", "/sales/demo/buy", headers,
    '{"buyer":"buyer-' .. n .. '"}')
end

request = ({keyed = keyed, find = find, replay = replay})[load]

function done(summary, latency)
  local e = summary.errors
  local text = string.format('BENCH {"requests":%d,"seconds":%.6f,' ..
    '"status":%d,"connect":%d,"read":%d,"write":%d,"timeout":%d,' ..
    '"mean_ms":%.3f,"max_ms":%.3f', summary.requests, summary.duration / 1e6,
    e.status, e.connect, e.read, e.write, e.timeout, latency.mean / 1e3,
    latency.max / 1e3)
  for _, p in ipairs({50, 90, 99}) do
    text = text .. string.format(',"p%d_ms":%.3f', p,
      latency:percentile(p) / 1e3)
  end
  print(text .. "}")
end
